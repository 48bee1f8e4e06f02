import type { HeldDeletion, RunView } from "@rollcall/contracts";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo, useRef, useState } from "react";
import { useList } from "../../api/queries.ts";
import { post } from "../../api/request.ts";
import { useMay, useProfileShape, useSession } from "../../api/session.tsx";
import { useWrite } from "../../api/write.ts";
import { Button } from "../../design/button.tsx";
import { ConfirmDialog } from "../../design/dialog.tsx";
import { useMessages } from "../../design/messages.tsx";
import { Progress } from "../../design/progress.tsx";
import { Answered, Problem } from "../../design/states.tsx";
import { SubjectLink } from "../../design/subject-link.tsx";
import { type Column, More, Table } from "../../design/table.tsx";
import { Time } from "../../design/time.tsx";
import { useFormats } from "../../language/formats.ts";
import { useTexts } from "../../language/language.tsx";
import { carriedOutWithinMs } from "./run-state.tsx";
import { runsTexts } from "./runs-texts.ts";

/** The users whose deletion the run holds, by name. They can be confirmed only once they are on the page. */
export function HeldDeletions({ run }: { run: RunView }) {
  const texts = useTexts(runsTexts);
  const mayConfirm = useMay("admin");
  const [asks, setAsks] = useState(false);
  const list = useList<HeldDeletion>("runs", `/runs/${run.id}/held`, { limit: 100 });
  const shown = useFirstSeen(list.items, run.confirmedBy !== null);
  const isLate = useLate(run.confirmation?.at);
  const isUnderWay = run.confirmedBy !== null && !isLate;
  const count = run.counts.held;
  const number = useFormats().number(count);
  const columns = useMemo<Column<HeldDeletion>[]>(
    () => [
      { key: "name", header: texts.name, cell: ({ name }) => name ?? texts.noName },
      { key: "email", header: texts.email, cell: ({ email }) => email ?? <span className="soft">–</span> },
      { key: "user", header: texts.user, cell: ({ clerkId }) => <SubjectLink clerkId={clerkId} /> },
      { key: "at", header: texts.heldSince, isShort: true, cell: ({ heldAt }) => <Time at={heldAt} /> },
    ],
    [texts],
  );
  return (
    <div className="stack tight">
      <h2>{texts.held}</h2>
      <Answered of={list}>
        {() =>
          shown.length === 0 ? (
            <p className="soft">
              {count === run.counts.failed ? texts.heldRefused(count, number) : texts.heldNone}
            </p>
          ) : (
            <>
              {isUnderWay ? (
                <Confirmed run={run} />
              ) : (
                <p className="panel why warn">
                  <strong>{texts.heldSays(count, number)}</strong> {isLate ? texts.heldLate : texts.heldWhy}
                </p>
              )}
              <Table
                label={texts.held}
                columns={columns}
                rows={shown}
                rowKey={({ clerkId }) => clerkId}
                empty={null}
              />
              <More list={list} />
              {!isUnderWay && (
                <div className="row">
                  {mayConfirm ? (
                    <Button look="danger" onPress={() => setAsks(true)}>
                      {texts.confirm(count, number)}
                    </Button>
                  ) : (
                    <span className="soft">{texts.adminNote}</span>
                  )}
                </div>
              )}
            </>
          )
        }
      </Answered>
      {asks && <ConfirmHeld run={run} first={shown.slice(0, 5)} onClose={() => setAsks(false)} />}
    </div>
  );
}

/** Who confirmed, and how far the worker is. */
function Confirmed({ run }: { run: RunView }) {
  const texts = useTexts(runsTexts);
  const formats = useFormats();
  const { held, deleted } = run.counts;
  const total = run.confirmation?.held ?? held + deleted;
  const done = Math.min(total, Math.max(total - held, deleted));
  return (
    <div className="panel why stack tight" role="status">
      <p>
        {texts.confirmedBy(run.confirmedBy ?? "")}{" "}
        {texts.heldDone(formats.number(done), formats.number(total))}
      </p>
      <Progress label={texts.held} done={done} total={total} />
    </div>
  );
}

/**
 * The rows as they were first read. A deletion erases the name and email, and the operator still has to see what is being
 * deleted.
 *
 * @param isFrozen the worker deletes them, so a row that leaves the list stays
 */
function useFirstSeen(items: readonly HeldDeletion[], isFrozen: boolean): readonly HeldDeletion[] {
  const seen = useRef(new Map<string, HeldDeletion>());
  for (const item of items) if (!seen.current.has(item.clerkId)) seen.current.set(item.clerkId, item);
  if (isFrozen) return [...seen.current.values()];
  return items.map((item) => seen.current.get(item.clerkId) ?? item);
}

/** Whether the confirmation is so old that the worker has given it up. */
function useLate(confirmedAt: string | undefined): boolean {
  const [nowMs, setNowMs] = useState(() => Date.now());
  const lateAtMs =
    confirmedAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(confirmedAt) + carriedOutWithinMs;
  useEffect(() => {
    if (!Number.isFinite(lateAtMs)) return;
    const timer = setTimeout(() => setNowMs(Date.now()), Math.max(0, lateAtMs - Date.now()));
    return () => clearTimeout(timer);
  }, [lateAtMs]);
  return nowMs >= lateAtMs;
}

function ConfirmHeld({
  run,
  first,
  onClose,
}: {
  run: RunView;
  first: readonly HeldDeletion[];
  onClose: () => void;
}) {
  const texts = useTexts(runsTexts);
  const formats = useFormats();
  const show = useMessages();
  const queries = useQueryClient();
  const { session } = useSession();
  const hasProfiles = useProfileShape() !== null;
  const count = run.counts.held;
  const rest = Math.max(0, count - first.length);
  const confirm = useWrite(() => post<{ runId: number }>(`/runs/${run.id}/confirm-deletions`), {
    topics: ["runs", "users", "user", "audit"],
    onDone: () => {
      // The answers that are read next may lack names already.
      queries.setQueryData<RunView>(["runs", `/runs/${run.id}`, {}], (shown) =>
        shown && session ? { ...shown, confirmedBy: session.name } : shown,
      );
      show({ kind: "good", text: texts.confirmed });
      onClose();
    },
  });
  return (
    <ConfirmDialog
      title={texts.confirmTitle}
      isOpen
      onClose={onClose}
      action={texts.confirm(count, formats.number(count))}
      look="danger"
      isPending={confirm.isPending}
      onConfirm={() => confirm.mutate(undefined)}
    >
      <p>
        {texts.confirmSays} {hasProfiles && texts.profileStays} {texts.cannotUndo}
      </p>
      <p>
        {texts.confirmNames(
          first.map(({ name, clerkId }) => name ?? clerkId).join(", "),
          rest,
          formats.number(rest),
        )}
      </p>
      {run.confirmedBy !== null && <p role="alert">{texts.confirmedBy(run.confirmedBy)}</p>}
      {confirm.error && <Problem error={confirm.error} />}
    </ConfirmDialog>
  );
}
