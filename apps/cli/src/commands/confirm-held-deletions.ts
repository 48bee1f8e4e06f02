import { findRun } from "@rollcall/db";
import { confirmDeletions, requestConfirmation } from "@rollcall/sync";
import { nameCaller } from "../caller.ts";
import type { CommandInput } from "../command.ts";
import type { CliConfig } from "../config.ts";
import type { CliContext } from "../context.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { printJson, printLines } from "../print.ts";
import { createReconcileContext } from "../reconcile-context.ts";
import { listenForStop } from "../stop-signal.ts";
import { describeConfirmed } from "./describe-confirmed.ts";
import { startReconcileLog } from "./reconcile-log.ts";
import { sayNumber } from "./run-words.ts";

/** Carries out, in this process, the deletions that a run holds. */
export async function confirmHeld(
  runId: number,
  { json }: Pick<CommandInput, "json">,
  { config, context }: { config: CliConfig; context: CliContext },
): Promise<ExitCode> {
  const say = (line: string) => json || process.stderr.write(`${line}\n`);
  const log = startReconcileLog((code) => say(`Waiting: ${code}`));
  const reconciling = createReconcileContext(config, context, log.read);
  const { signal, release } = listenForStop();
  try {
    const held = await requestConfirmation(context, runId, nameCaller());
    say(`Asking Clerk about each of ${sayNumber(held.counts.held)} users again before anybody is deleted.`);
    const ended = await confirmDeletions(reconciling, runId, nameCaller(), { signal });
    if (json) printJson(ended);
    else printLines(describeConfirmed(held, ended));
    return ended.state === "held" ? exitCodes.held : exitCodes.done;
  } catch (error) {
    if (!signal.aborted) throw error;
    const left = (await findRun(context.pool, runId))?.counts.held ?? 0;
    say(`Stopped; ${sayNumber(left)} are still held. Go on: rollcall reconcile --confirm-deletions ${runId}`);
    return exitCodes.failed;
  } finally {
    release();
  }
}
