import type { HeldDeletion, RunView } from "@rollcall/contracts";
import { useMemo, useState } from "react";
import { useList } from "../../api/queries.ts";
import { post } from "../../api/request.ts";
import { useMay } from "../../api/session.tsx";
import { useWrite } from "../../api/write.ts";
import { Button } from "../../design/button.tsx";
import { ConfirmDialog } from "../../design/dialog.tsx";
import { useMessages } from "../../design/messages.tsx";
import { Answered, Problem } from "../../design/states.tsx";
import { type Column, More, Table } from "../../design/table.tsx";
import { Time } from "../../design/time.tsx";
import { UserLink } from "../../design/user-link.tsx";
import { useFormats } from "../../language/formats.ts";
import { useTexts } from "../../language/language.tsx";
import { runsTexts } from "./runs-texts.ts";

/** The users whose deletion the run holds, by name. They can be confirmed only once they are on the page. */
export function HeldDeletions({ run }: { run: RunView }) {
  const texts = useTexts(runsTexts);
  const formats = useFormats();
  const mayConfirm = useMay("admin");
  const [asks, setAsks] = useState(false);
  const list = useList<HeldDeletion>("runs", `/runs/${run.id}/held`, { limit: 100 });
  const count = run.counts.held;
  const number = formats.number(count);
  const columns = useMemo<Column<HeldDeletion>[]>(
    () => [
      { key: "name", header: texts.name, cell: ({ name }) => name ?? texts.noName },
      { key: "email", header: texts.email, cell: ({ email }) => email ?? <span className="soft">–</span> },
      { key: "user", header: texts.user, cell: ({ clerkId }) => <UserLink clerkId={clerkId} /> },
      { key: "at", header: texts.heldSince, cell: ({ heldAt }) => <Time at={heldAt} /> },
    ],
    [texts],
  );
  return (
    <div className="stack tight">
      <h2>{texts.held}</h2>
      {run.confirmedBy !== null && <p role="status">{texts.confirmedBy(run.confirmedBy)}</p>}
      <Answered of={list}>
        {() =>
          list.items.length === 0 ? (
            <p className="soft">{texts.heldNone}</p>
          ) : (
            <>
              <p>
                <strong>{texts.heldSays(count, number)}</strong> {texts.heldWhy}
              </p>
              <Table
                label={texts.held}
                columns={columns}
                rows={list.items}
                rowKey={({ clerkId }) => clerkId}
                empty={null}
              />
              <More list={list} />
              <div className="row">
                {mayConfirm ? (
                  <Button look="danger" onPress={() => setAsks(true)}>
                    {texts.confirm(count, number)}
                  </Button>
                ) : (
                  <span className="soft">{texts.adminNote}</span>
                )}
              </div>
            </>
          )
        }
      </Answered>
      {asks && <ConfirmHeld run={run} first={list.items.slice(0, 5)} onClose={() => setAsks(false)} />}
    </div>
  );
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
  const count = run.counts.held;
  const rest = Math.max(0, count - first.length);
  const confirm = useWrite(() => post<{ runId: number }>(`/runs/${run.id}/confirm-deletions`), {
    topics: ["runs", "users", "user", "audit"],
    onDone: () => {
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
      <p>{texts.confirmSays}</p>
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
