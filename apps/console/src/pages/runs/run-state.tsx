import type { RunView } from "@rollcall/contracts";
import { Badge, type BadgeTone } from "../../design/badge.tsx";
import { Progress } from "../../design/progress.tsx";
import { useFormats } from "../../language/formats.ts";
import { useTexts } from "../../language/language.tsx";
import { runsTexts } from "./runs-texts.ts";
import "./runs.css";

/** The server lets another operator confirm once the worker has given up. */
export const carriedOutWithinMs = 5 * 60_000;

export const isOver = ({ state }: RunView) => state !== "waiting" && state !== "running";

const tones = {
  waiting: "neutral",
  running: "neutral",
  succeeded: "good",
  held: "warn",
  failed: "bad",
  cancelled: "neutral",
} satisfies Record<RunView["state"], BadgeTone>;

type State = { tone: BadgeTone; text: string };

function describeState(run: RunView, texts: typeof runsTexts.en): State {
  const { state, cancelRequested, dryRun, superseded, confirmation } = run;
  if (cancelRequested && !isOver(run)) return { tone: "neutral", text: texts.cancelling };
  // A dry run holds nothing: it is complete.
  if (state === "held" && dryRun) return { tone: tones.succeeded, text: texts.states.succeeded };
  if (state === "held" && superseded) return { tone: "neutral", text: texts.superseded };
  if (state === "held" && confirmation && Date.now() - Date.parse(confirmation.at) < carriedOutWithinMs)
    return { tone: "neutral", text: texts.deleting };
  return { tone: tones[state], text: texts.states[state] };
}

/** The state of a run as a word. */
export function RunState({ run }: { run: RunView }) {
  const texts = useTexts(runsTexts);
  const { dryRun } = run;
  const { tone, text } = describeState(run, texts);
  return (
    <span className="run-state">
      <Badge tone={tone}>{text}</Badge>
      {dryRun && <Badge>{texts.dryRun}</Badge>}
    </span>
  );
}

/** How many users of Clerk a run has compared, and how many are only here. */
export function RunProgress({ run }: { run: RunView }) {
  const texts = useTexts(runsTexts);
  const formats = useFormats();
  const { mode, seen, total, counts } = run;
  const missing = counts.deleted + counts.held;
  return (
    <div className="stack tight">
      <span>
        {total === null
          ? texts.comparedOpen(formats.number(seen))
          : texts.compared(formats.number(seen), formats.number(total))}
      </span>
      {mode === "full" && missing > 0 && <span>{texts.onlyHere(missing, formats.number(missing))}</span>}
      {!isOver(run) && <Progress label={texts.progress} done={seen} total={total} />}
    </div>
  );
}

const counted = ["created", "linked", "updated", "deleted", "held", "failed"] as const;

/** A count in words. A dry run holds nothing. */
export function nameCount(
  name: keyof RunView["counts"],
  { dryRun }: RunView,
  texts: typeof runsTexts.en,
): string {
  return name === "held" && dryRun ? texts.wouldHold : texts.count[name];
}

/** The counts that are not zero, in one line. */
export function RunResult({ run }: { run: RunView }) {
  const { counts } = run;
  const texts = useTexts(runsTexts);
  const formats = useFormats();
  const parts = counted
    .filter((name) => counts[name] > 0)
    .map((name) => `${nameCount(name, run, texts)} ${formats.number(counts[name])}`);
  if (parts.length === 0)
    return (
      <span className="soft">
        {texts.count.unchanged} {formats.number(counts.unchanged)}
      </span>
    );
  return parts.join(" · ");
}
