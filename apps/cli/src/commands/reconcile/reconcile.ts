import { Option } from "@commander-js/extra-typings";
import { AppError, type RunView } from "@rollcall/contracts";
import { countWorkers, type Pool } from "@rollcall/db";
import { followRun, limitHeapGrowth, requestRun } from "@rollcall/sync";
import { type Cli, exitCodes, jsonOption, readTyped } from "../../cli.ts";
import { formatNumber, say } from "../../print.ts";
import { commandFor, describeRun, nameRun } from "../runs/describe-run.ts";
import { typedRunId } from "../runs/runs.ts";
import { confirmHeldDeletions } from "./confirm-held-deletions.ts";
import { createCliReconcileContext } from "./context.ts";
import { startReconcileLog } from "./log.ts";
import { type Progress, startProgress } from "./progress.ts";
import { listenForStop } from "./stop-signal.ts";

export function addReconcile(cli: Cli, group: string): void {
  cli.program
    .command("reconcile")
    .helpGroup(group)
    .option("--dry-run", "report what a run would do; write nothing")
    .option("--catch-up", "read only the changes since the last catch-up; find no deletions")
    .addOption(
      new Option("--confirm-deletions <run>", "carry out the deletions that a run holds").conflicts([
        "dryRun",
        "catchUp",
      ]),
    )
    .addOption(jsonOption)
    .description("make Postgres equal to Clerk now; Ctrl-C leaves a run that can be continued")
    .addHelpText("after", "\nExit codes: 0 done, 1 failed, 2 usage, 3 done but deletions are held")
    .action(async ({ dryRun = false, catchUp = false, confirmDeletions: held }, command) => {
      if (held === undefined) return runNow(cli, { mode: catchUp ? "catch-up" : "full", dryRun });
      await confirmHeldDeletions(cli, readTyped(command, "--confirm-deletions", typedRunId, held));
    });
}

async function runNow(
  { open, caller, isJson, print }: Cli,
  wanted: Parameters<typeof requestRun>[1],
): Promise<void> {
  const opened = open();
  // A program that reads the JSON needs no progress lines; a terminal shows the bar all the same.
  const progress = isJson() && !process.stderr.isTTY ? undefined : startProgress(process.stderr);
  limitHeapGrowth();
  const log = startReconcileLog((reason) => progress?.wait(reason));
  const { signal, release } = listenForStop();
  try {
    const reconciling = createCliReconcileContext(opened, log.read);
    const { run, isNew } = await requestRun(opened.services, wanted, { operator: caller });
    if (!isJson()) greet(run, isNew, opened.system);
    const ended = await follow(reconciling, run, { signal, progress });
    progress?.end();
    const faults = log.describe(ended);
    if (!isJson() && faults !== "") say(faults.trimEnd());
    if (isJson() || ended.finishedAt !== null) print(ended, () => describeRun(ended));
    if (ended.finishedAt === null) await adviseAfterStop(opened.services.pool, ended);
    process.exitCode = decideExitCode(ended);
  } finally {
    progress?.end();
    release();
  }
}

function greet(run: RunView, isNew: boolean, system: string): void {
  say(
    isNew
      ? `${nameRun(run)} of ${system} starts. Ctrl-C leaves it in a state from which it can be continued.`
      : `${nameRun(run)}, started by ${run.startedBy}, is not over. This command continues it, or follows the process that runs it.`,
  );
}

/** Runs or follows the run. If Postgres goes away, prints how to continue the run. */
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
      say(`${nameRun(run)} keeps its checkpoint. To continue it: ${commandFor(run)}`);
    throw error;
  }
}

async function adviseAfterStop(pool: Pool, run: RunView): Promise<void> {
  const workers = await countWorkers(pool).catch(() => 0);
  const total = run.total === null ? "" : ` of ${formatNumber(run.total)}`;
  const lines = [
    `Stopped. ${nameRun(run)} is not over: ${formatNumber(run.seen)}${total} users so far, nothing is lost.`,
    workers > 0
      ? `A worker is alive and continues it within seconds. To follow it: ${commandFor(run)}`
      : `No worker is alive to continue it. To continue it here: ${commandFor(run)}`,
    ...(run.dryRun ? ["A dry run then starts from the beginning."] : []),
    `To stop it for good: rollcall runs cancel ${run.id}`,
  ];
  say(lines.join("\n"));
}

function decideExitCode({ state }: RunView): number {
  if (state === "succeeded") return exitCodes.done;
  return state === "held" ? exitCodes.held : exitCodes.failed;
}
