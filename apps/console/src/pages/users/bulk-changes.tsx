import type { BulkView } from "@rollcall/contracts";
import { Link } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { type List, useList } from "../../api/queries.ts";
import { post } from "../../api/request.ts";
import { useMay } from "../../api/session.tsx";
import { useWrite } from "../../api/write.ts";
import { Badge, type BadgeTone } from "../../design/badge.tsx";
import { Button } from "../../design/button.tsx";
import { ConfirmDialog } from "../../design/dialog.tsx";
import { useMessages } from "../../design/messages.tsx";
import { Progress } from "../../design/progress.tsx";
import { Empty, Problem } from "../../design/states.tsx";
import { More } from "../../design/table.tsx";
import { Time } from "../../design/time.tsx";
import { useFormats } from "../../language/formats.ts";
import { useTexts } from "../../language/language.tsx";
import { useSelectedTexts } from "./describe-filter.ts";
import { usersTexts } from "./users-texts.ts";

const isOpen = ({ state }: BulkView) => state === "waiting" || state === "running";

const tones = {
  waiting: "neutral",
  running: "neutral",
  done: "good",
  failed: "bad",
  cancelled: "warn",
} satisfies Record<BulkView["state"], BadgeTone>;

type Props = {
  /** The change that this page started stays in view. */
  startedId: number | undefined;
};

/** Bulk changes: those under way with their progress, and the ones that are over. */
export function BulkChanges({ startedId }: Props) {
  const texts = useTexts(usersTexts);
  const formats = useFormats();
  const show = useMessages();
  const shownId = useRef<number>(undefined);
  const list = useList<BulkView>("bulk", "/bulk", { limit: 10 });
  const [newest] = list.items;
  const inView = list.items.filter((change) => isOpen(change) || change.id === startedId);
  const started = list.items.find(({ id }) => id === startedId);
  useEffect(() => {
    if (started?.state !== "done" || shownId.current === started.id) return;
    shownId.current = started.id;
    const { action, done } = started;
    show({
      kind: "good",
      text: "tier" in action ? <NewTier change={started} /> : texts.bulkRefreshed(done, formats.number(done)),
    });
  }, [started, show, texts, formats]);
  const others = list.items.filter((change) => !inView.includes(change));
  if (list.error && !newest) return <Problem error={list.error} onRetry={() => void list.refetch()} />;
  return (
    <section className="stack tight" aria-label={texts.bulk}>
      {inView.map((change) => (
        <BulkChange key={change.id} change={change} />
      ))}
      <details>
        <summary>{texts.bulkPast}</summary>
        <div className="stack tight bulk-history">
          {others.map((change) => (
            <BulkChange key={change.id} change={change} />
          ))}
          {others.length === 0 && <Empty>{texts.bulkNone}</Empty>}
          <More list={list} />
        </div>
      </details>
    </section>
  );
}

/** How many users have the tier now, with the way to them. */
function NewTier({ change: { action, done } }: { change: BulkView }) {
  const texts = useTexts(usersTexts);
  const formats = useFormats();
  if (!("tier" in action)) return null;
  const { tier } = action;
  return (
    <>
      {texts.bulkGiven(done, formats.number(done), tier)}{" "}
      <Link to="/users" search={{ tier }}>
        {texts.bulkSeeTier(tier)}
      </Link>
    </>
  );
}

function BulkChange({ change }: { change: BulkView }) {
  const texts = useTexts(usersTexts);
  const formats = useFormats();
  const may = useMay("tier" in change.action ? "admin" : "operator");
  const selected = useSelectedTexts();
  const [asks, setAsks] = useState(false);
  const { id, state, matching, done, failed, skipped, by, at, action } = change;
  const name = "tier" in action ? texts.bulkTier(action.tier) : texts.bulkRefresh;
  const over = done + failed + skipped;
  return (
    <article className="panel stack tight" aria-label={name}>
      <div className="row apart">
        <div className="row">
          <strong>{name}</strong>
          <Badge tone={failed > 0 && state === "done" ? "warn" : tones[state]}>
            {texts.bulkStates[state]}
          </Badge>
          <span className="soft">
            {texts.bulkBy(by)}, <Time at={at} />
          </span>
        </div>
        {isOpen(change) && may && (
          <Button onPress={() => setAsks(true)} aria-label={`${texts.bulkCancel}: ${name}`}>
            {texts.bulkCancel}
          </Button>
        )}
      </div>
      <p className="soft small">{selected(change)}</p>
      {isOpen(change) && <Progress label={name} done={over} total={matching} />}
      <p>
        {texts.bulkProgress(formats.number(done), formats.number(matching))}
        {failed > 0 && ` · ${texts.bulkFailed(failed, formats.number(failed))}`}
        {skipped > 0 && ` · ${texts.bulkSkipped(skipped, formats.number(skipped))}`}
        {change.cancelledBy && ` · ${texts.bulkCancelled(change.cancelledBy)}`}
        {change.code && (
          <>
            {" · "}
            <code>{change.code}</code>
          </>
        )}
      </p>
      {state === "done" && done > 0 && "tier" in action && (
        <p>
          <NewTier change={change} />
        </p>
      )}
      {asks && <CancelDialog id={id} onClose={() => setAsks(false)} />}
    </article>
  );
}

function CancelDialog({ id, onClose }: { id: number; onClose: () => void }) {
  const texts = useTexts(usersTexts);
  const cancel = useWrite(() => post<List<never>>(`/bulk/${id}/cancel`), {
    topics: ["bulk", "audit"],
    onDone: onClose,
  });
  return (
    <ConfirmDialog
      title={texts.bulkCancelTitle}
      isOpen
      onClose={onClose}
      action={texts.bulkCancelAction}
      keep={texts.keepGoing}
      look="danger"
      isPending={cancel.isPending}
      onConfirm={() => cancel.mutate(undefined)}
    >
      <p>{texts.bulkCancelSays}</p>
      {cancel.error && <Problem error={cancel.error} />}
    </ConfirmDialog>
  );
}
