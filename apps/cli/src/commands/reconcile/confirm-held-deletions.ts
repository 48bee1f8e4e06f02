import type { RunView } from "@rollcall/contracts";
import { findRun } from "@rollcall/db";
import { confirmDeletions, requestConfirmation } from "@rollcall/sync";
import { type Cli, exitCodes } from "../../cli.ts";
import { formatNumber, say } from "../../print.ts";
import { nameRun } from "../runs/describe-run.ts";
import { createCliReconcileContext } from "./context.ts";
import { startReconcileLog } from "./log.ts";
import { listenForStop } from "./stop-signal.ts";

/** Carries out, in this process, the deletions that a run holds. */
export async function confirmHeldDeletions(
  { open, caller, isJson, print }: Cli,
  runId: number,
): Promise<void> {
  const opened = open();
  const sayUnlessJson = (line: string) => isJson() || say(line);
  const log = startReconcileLog((code) => sayUnlessJson(`Waiting: ${code}`));
  const reconciling = createCliReconcileContext(opened, log.read);
  const { signal, release } = listenForStop();
  try {
    const held = await requestConfirmation(opened.services, runId, caller);
    sayUnlessJson(
      `Asking Clerk again about each of ${formatNumber(held.counts.held)} users before any deletion in ${opened.system}.`,
    );
    const ended = await confirmDeletions(reconciling, runId, caller, { signal });
    print(ended, () => describeConfirmed(held, ended));
    if (ended.state === "held") process.exitCode = exitCodes.held;
  } catch (error) {
    if (!signal.aborted) throw error;
    const left = (await findRun(opened.services.pool, runId))?.counts.held ?? 0;
    sayUnlessJson(`Stopped; ${formatNumber(left)} are still held.`);
    sayUnlessJson(`To continue: rollcall reconcile --confirm-deletions ${runId}`);
    process.exitCode = exitCodes.failed;
  } finally {
    release();
  }
}

/**
 * The result of a confirmation, line by line.
 *
 * @param held the run before
 * @param ended the run now: still `held` if the app's own rules refused some deletions
 */
export function describeConfirmed(held: RunView, ended: RunView): string[] {
  const deleted = ended.counts.deleted - held.counts.deleted;
  const refused = ended.counts.failed - held.counts.failed;
  const released = held.counts.held - ended.counts.held - deleted;
  const sentences = [
    `${formatNumber(deleted)} deleted.`,
    released > 0 &&
      `${formatNumber(released)} were left alone: Clerk has them, or they were deleted already.`,
    refused > 0 && `${formatNumber(refused)} refused: the app's own rules keep Postgres from deleting them.`,
  ];
  return [
    `${nameRun(held)}: ${sentences.filter((sentence) => sentence !== false).join(" ")}`,
    ...(ended.state === "held" ? adviseOnRefused(ended, refused === 0 && deleted + released === 0) : []),
  ];
}

/** Clerk is asked about each user once, so confirming the run once more changes nothing. */
function adviseOnRefused({ counts }: RunView, wasConfirmed: boolean): string[] {
  const left = formatNumber(counts.held);
  return [
    wasConfirmed
      ? `Nothing was left to do: ${left} are still held, because they were refused when the run was confirmed before.`
      : `${left} are still held. Confirming this run again does nothing.`,
    'To find the rule: docs/RUNBOOK.md, "Confirmed deletions are refused". Then: rollcall reconcile',
  ];
}
