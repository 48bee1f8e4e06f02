import type { RunView } from "@rollcall/contracts";
import { Badge, type BadgeTone } from "../../design/badge.tsx";
import { Progress } from "../../design/progress.tsx";
import { useFormats } from "../../language/formats.ts";
import { useTexts } from "../../language/language.tsx";
import { runsTexts } from "./runs-texts.ts";

export const isOver = ({ state }: RunView) => state !== "waiting" && state !== "running";

const tones = {
  waiting: "neutral",
  running: "neutral",
  succeeded: "good",
  held: "warn",
  failed: "bad",
  cancelled: "neutral",
} satisfies Record<RunView["state"], BadgeTone>;

/** The state of a run as a word. */
export function RunState({ run }: { run: RunView }) {
  const texts = useTexts(runsTexts);
  const { state, cancelRequested, dryRun } = run;
  return (
    <span className="row">
      <Badge tone={tones[state]}>
        {cancelRequested && !isOver(run) ? texts.cancelling : texts.states[state]}
      </Badge>
      {dryRun && <Badge>{texts.dryRun}</Badge>}
    </span>
  );
}

/** How many users an unfinished run has compared. */
export function RunProgress({ run }: { run: RunView }) {
  const texts = useTexts(runsTexts);
  const formats = useFormats();
  const { seen, total } = run;
  return (
    <div className="stack tight">
      <span>
        {total === null
          ? texts.comparedOpen(formats.number(seen))
          : texts.compared(formats.number(seen), formats.number(total))}
      </span>
      {!isOver(run) && <Progress label={texts.progress} done={seen} total={total} />}
    </div>
  );
}

const counted = ["created", "linked", "updated", "deleted", "held", "failed"] as const;

/** The counts that are not zero, in one line. */
export function RunResult({ run: { counts } }: { run: RunView }) {
  const texts = useTexts(runsTexts);
  const formats = useFormats();
  const parts = counted
    .filter((name) => counts[name] > 0)
    .map((name) => `${texts.count[name]} ${formats.number(counts[name])}`);
  if (parts.length === 0)
    return (
      <span className="soft">
        {texts.count.unchanged} {formats.number(counts.unchanged)}
      </span>
    );
  return parts.join(" · ");
}

/** The operator, or what started the run by itself. */
export function useStarter(): (startedBy: string) => string {
  const texts = useTexts(runsTexts);
  return (startedBy) => texts.starters[startedBy] ?? startedBy;
}
