import { AppError, type RunView } from "@rollcall/contracts";
import { countWorkers } from "@rollcall/db";
import { followRun, limitHeapGrowth, requestRun } from "@rollcall/sync";
import { z } from "zod";
import { nameCaller } from "../caller.ts";
import { type Command, type CommandInput, UsageError } from "../command.ts";
import type { CliConfig } from "../config.ts";
import type { CliContext } from "../context.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { printJson, printLines } from "../print.ts";
import { readTyped } from "../read-typed.ts";
import { createReconcileContext } from "../reconcile-context.ts";
import { listenForStop } from "../stop-signal.ts";
import { confirmHeld } from "./confirm-held-deletions.ts";
import { printRun } from "./print-run.ts";
import { startReconcileLog } from "./reconcile-log.ts";
import { type Progress, startProgress } from "./reconcile-progress.ts";
import { commandFor, nameRun, sayNumber } from "./run-words.ts";

export const reconcile: Command = {
  synopsis: "reconcile",
  summary: "make Postgres equal to Clerk now, everybody; Ctrl-C leaves a run that can be gone on with",
  options: {
    "dry-run": { type: "boolean" },
    "catch-up": { type: "boolean" },
    "confirm-deletions": { type: "string" },
  },
  optionHelp: [
    ["--dry-run", "only say what would be done"],
    ["--catch-up", "only what changed since the last time, and no deletions"],
    ["--confirm-deletions <run>", "carry out the deletions that a run holds"],
  ],
  run: async (input, open) => {
    const { words, options } = input;
    if (words.length > 0) throw new UsageError("reconcile takes options only.");
    const held = options["confirm-deletions"];
    if (held === undefined) return runNow(input, open());
    if (options["dry-run"] === true || options["catch-up"] === true)
      throw new UsageError("--confirm-deletions goes without --dry-run and --catch-up.");
    const { run } = readTyped(z.object({ run: typedId }), { run: held });
    return confirmHeld(run, input, open());
  },
};

const typedId = z.coerce.number({ error: "must be a run's number" }).int().positive();

type Opened = { config: CliConfig; context: CliContext };

async function runNow({ options, json }: CommandInput, { config, context }: Opened): Promise<ExitCode> {
  // Nobody looks at progress lines between a program and its JSON; a terminal may show the bar all the same.
  const progress = json && !process.stderr.isTTY ? undefined : startProgress(process.stderr);
  limitHeapGrowth();
  const log = startReconcileLog((reason) => progress?.wait(reason));
  const { signal, release } = listenForStop();
  try {
    const reconciling = createReconcileContext(config, context, log.read);
    const mode = options["catch-up"] === true ? "catch-up" : "full";
    const wanted = { mode, dryRun: options["dry-run"] === true } as const;
    const { run, isNew } = await requestRun(context, wanted, { operator: nameCaller() });
    if (!json) greet(run, isNew);
    const ended = await follow(reconciling, run, { signal, progress });
    progress?.end();
    if (!json) process.stderr.write(log.describe(ended));
    if (json) printJson(ended);
    else if (ended.finishedAt !== null) printLines(printRun(ended));
    if (ended.finishedAt === null) await sayHowToGoOn(context, ended);
    return decideExitCode(ended);
  } finally {
    progress?.end();
    release();
  }
}

function greet(run: RunView, isNew: boolean): void {
  process.stderr.write(
    isNew
      ? `${nameRun(run)} begins. Ctrl-C leaves it so that it can be gone on with.\n`
      : `${nameRun(run)}, started by ${run.startedBy}, is not over: going on with it, or following whoever does.\n`,
  );
}

/** Stays with the run; when Postgres goes away, says how to come back to it. */
async function follow(
  reconciling: Parameters<typeof followRun>[0],
  run: RunView,
  { signal, progress }: { signal: AbortSignal; progress: Progress | undefined },
): Promise<RunView> {
  const onProgress = (view: RunView) => progress?.show(view);
  onProgress(run);
  try {
    return await followRun(reconciling, run.id, { signal, onProgress });
  } catch (error) {
    progress?.end();
    if (error instanceof AppError && error.code !== "run.unknown")
      process.stderr.write(`${nameRun(run)} stands where it came to. Go on with it: ${commandFor(run)}\n`);
    throw error;
  }
}

async function sayHowToGoOn({ pool }: CliContext, run: RunView): Promise<void> {
  const workers = await countWorkers(pool).catch(() => 0);
  const total = run.total === null ? "" : ` of ${sayNumber(run.total)}`;
  const lines = [
    `Stopped here. ${nameRun(run)} is not over: ${sayNumber(run.seen)}${total} users so far, nothing is lost.`,
    workers > 0
      ? `A worker is alive and goes on with it within seconds. Follow it: ${commandFor(run)}`
      : `No worker is alive to go on with it. Go on yourself: ${commandFor(run)}`,
    ...(run.dryRun ? ["A dry run begins anew then."] : []),
    `Stop it for good: rollcall runs cancel ${run.id}`,
  ];
  process.stderr.write(`${lines.join("\n")}\n`);
}

function decideExitCode({ state }: RunView): ExitCode {
  if (state === "succeeded") return exitCodes.done;
  return state === "held" ? exitCodes.held : exitCodes.failed;
}
