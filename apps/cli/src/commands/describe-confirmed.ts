import type { RunView } from "@rollcall/contracts";
import { nameRun, sayNumber } from "./run-words.ts";

/**
 * What became of a held run's deletions that a person confirmed, line by line.
 *
 * @param held the run before
 * @param ended the run now: `held` still when the app's own rules refused some of them
 */
export function describeConfirmed(held: RunView, ended: RunView): string[] {
  const deleted = ended.counts.deleted - held.counts.deleted;
  const refused = ended.counts.failed - held.counts.failed;
  const released = held.counts.held - ended.counts.held - deleted;
  const sentences = [
    `${sayNumber(deleted)} deleted.`,
    released > 0 && `${sayNumber(released)} were left alone: Clerk has them, or they were deleted already.`,
    refused > 0 && `${sayNumber(refused)} refused: the app's own rules keep Postgres from deleting them.`,
  ];
  return [
    `${nameRun(held)}: ${sentences.filter((sentence) => sentence !== false).join(" ")}`,
    ...(ended.state === "held" ? adviseOnRefused(ended, refused === 0 && deleted + released === 0) : []),
  ];
}

/** To confirm the run once more changes nothing: Clerk is asked about nobody twice. */
function adviseOnRefused({ counts }: RunView, wasConfirmed: boolean): string[] {
  const left = sayNumber(counts.held);
  return [
    wasConfirmed
      ? `Nothing was left to do: ${left} are still held, since they were refused when the run was confirmed before.`
      : `${left} are still held; to confirm this run again does nothing.`,
    'Find the rule: docs/RUNBOOK.md, "Confirmed deletions are refused". Then: rollcall reconcile',
  ];
}
