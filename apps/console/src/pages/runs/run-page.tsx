import type { RunView } from "@rollcall/contracts";
import { Link, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { useAnswer } from "../../api/queries.ts";
import { post } from "../../api/request.ts";
import { useMay, useProfileShape } from "../../api/session.tsx";
import { useWrite } from "../../api/write.ts";
import { Button } from "../../design/button.tsx";
import { ConfirmDialog } from "../../design/dialog.tsx";
import { useMessages } from "../../design/messages.tsx";
import { Answered, Problem } from "../../design/states.tsx";
import { Time } from "../../design/time.tsx";
import { useFormats } from "../../language/formats.ts";
import { useTexts } from "../../language/language.tsx";
import { useTitle } from "../../layout/use-title.ts";
import { Differences } from "./differences.tsx";
import { HeldDeletions } from "./held-deletions.tsx";
import { isOver, nameCount, RunProgress, RunState } from "./run-state.tsx";
import { runsTexts } from "./runs-texts.ts";

export function RunPage() {
  const { id } = useParams({ from: "/runs/$id" });
  const texts = useTexts(runsTexts);
  useTitle(texts.runName(id));
  const run = useAnswer<RunView>("runs", `/runs/${encodeURIComponent(id)}`);
  return (
    <div className="stack">
      <Link to="/runs">{texts.back}</Link>
      <Answered of={run}>{(answer) => <OneRun key={id} run={answer} />}</Answered>
    </div>
  );
}

function OneRun({ run }: { run: RunView }) {
  const texts = useTexts(runsTexts);
  const mayCancel = useMay("operator");
  const [asks, setAsks] = useState(false);
  const isHeld = run.state === "held" && !run.dryRun && !run.superseded;
  return (
    <>
      <div className="row apart">
        <div className="row">
          <h1>{texts.runName(String(run.id))}</h1>
          <span>{texts.modes[run.mode]}</span>
          <RunState run={run} />
        </div>
        {mayCancel && !isOver(run) && !run.cancelRequested && (
          <Button look="danger" onPress={() => setAsks(true)}>
            {texts.cancel}
          </Button>
        )}
      </div>
      <Note run={run} />
      {isHeld && <HeldDeletions run={run} />}
      <div className="columns">
        <Facts run={run} />
        <Counts run={run} />
      </div>
      {run.dryRun && isOver(run) && <Differences run={run} />}
      {asks && <CancelDialog id={run.id} onClose={() => setAsks(false)} />}
    </>
  );
}

/** What one must know of how the run ended. Held deletions that wait have a section of their own. */
function Note({ run }: { run: RunView }) {
  const texts = useTexts(runsTexts);
  const formats = useFormats();
  const { state, dryRun, superseded, confirmedBy, confirmation, counts, errorCode, reason } = run;
  if (state === "held") {
    const number = formats.number(counts.held);
    if (dryRun) return <p className="panel why warn">{texts.wouldHoldSays(counts.held, number)}</p>;
    if (!superseded) return null;
    return <p className="panel why">{texts.heldSuperseded(texts.heldWas(counts.held, number))}</p>;
  }
  if (state === "succeeded" && confirmedBy !== null) {
    const held = confirmation?.held ?? counts.deleted;
    const at = confirmation && formats.hour(confirmation.at);
    return (
      <p className="panel why">
        {texts.heldConfirmed(texts.heldWas(held, formats.number(held)), confirmedBy, at)}
      </p>
    );
  }
  if (reason === null) return null;
  return (
    <p className="panel why warn">
      {/* The server's reason is English. */}
      {errorCode && <code>{errorCode}</code>} <span lang="en">{reason}</span>
    </p>
  );
}

function Facts({ run }: { run: RunView }) {
  const texts = useTexts(runsTexts);
  const formats = useFormats();
  const { startedBy } = run;
  return (
    <section className="panel stack tight" aria-label={texts.progress}>
      <h2>{texts.progress}</h2>
      <RunProgress run={run} />
      <dl className="facts short">
        <dt>{texts.startedBy}</dt>
        <dd>{startedBy === "catch-up" ? texts.starterFound : (texts.starters[startedBy] ?? startedBy)}</dd>
        <dt>{texts.requested}</dt>
        <dd>
          <Time at={run.requestedAt} />
        </dd>
        <dt>{texts.started}</dt>
        <dd>
          <Time at={run.startedAt} />
        </dd>
        {!isOver(run) && <dt>{texts.heartbeat}</dt>}
        {!isOver(run) && (
          <dd>
            <Time at={run.heartbeatAt} />
          </dd>
        )}
        <dt>{texts.finished}</dt>
        <dd>
          <Time at={run.finishedAt} />
        </dd>
        <dt>{texts.pages}</dt>
        <dd>{formats.number(run.pages)}</dd>
      </dl>
    </section>
  );
}

const counted = ["created", "linked", "updated", "unchanged", "deleted", "held", "failed"] as const;

function Counts({ run }: { run: RunView }) {
  const texts = useTexts(runsTexts);
  const formats = useFormats();
  const hasProfiles = useProfileShape() !== null;
  const title = run.dryRun ? texts.countsDry : texts.counts;
  const shown = counted.filter((name) => hasProfiles || name !== "linked");
  return (
    <section className="panel stack tight" aria-label={title}>
      <h2>{title}</h2>
      <dl className="facts short">
        {shown.map((name) => (
          <Count key={name} name={nameCount(name, run, texts)} value={formats.number(run.counts[name])} />
        ))}
        {run.missed > 0 && <Count name={texts.missed} value={formats.number(run.missed)} />}
      </dl>
    </section>
  );
}

function Count({ name, value }: { name: string; value: string }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </>
  );
}

function CancelDialog({ id, onClose }: { id: number; onClose: () => void }) {
  const texts = useTexts(runsTexts);
  const show = useMessages();
  const cancel = useWrite(() => post<RunView>(`/runs/${id}/cancel`), {
    topics: ["runs", "audit"],
    onDone: () => {
      show({ kind: "good", text: texts.cancelled });
      onClose();
    },
  });
  return (
    <ConfirmDialog
      title={texts.cancelTitle}
      isOpen
      onClose={onClose}
      action={texts.cancel}
      keep={texts.keepGoing}
      look="danger"
      isPending={cancel.isPending}
      onConfirm={() => cancel.mutate(undefined)}
    >
      <p>{texts.cancelSays}</p>
      {cancel.error && <Problem error={cancel.error} />}
    </ConfirmDialog>
  );
}
