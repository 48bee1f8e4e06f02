import type { JournalEntry } from "./journal.ts";

export type Verdict = {
  accepted: number;
  /** Accepted sync jobs without a later run. */
  lost: string[];
  /** Accepted sync jobs whose only run started between issue and acceptance. */
  metWhileAdding: number;
};

/**
 * Finds accepted sync jobs that were lost. After each accepted sync job, a run of its lane must start and finish, or
 * fail and become a dead letter. Lanes (queue, kind and user) are checked one by one, because only jobs of one lane merge.
 *
 * A run's start is compared with the moment at which the add was *issued*:
 *
 * - The change at Clerk happened before the issue, and a run reads Clerk after its start. So such a run has the change.
 * - A start after *acceptance* would be too strict. The job is in the queue before its producer gets the answer, and a
 *   worker may start it in between. `metWhileAdding` counts these, because the run may belong to an earlier sync job.
 * - The *end* of a run would be too lax. A run that read Clerk before the change would count. Dedup without
 *   `keepLastIfActive` loses exactly these sync jobs.
 *
 * A dead letter counts only if a run of its job started after the issue. An older dead letter causes no new run.
 *
 * @param entries in the order of the journal
 * @param letters the jobs that became dead letters, named as in `started` entries
 */
export function findLostJobs(entries: readonly JournalEntry[], letters: ReadonlySet<string>): Verdict {
  const lastStart = findLastStarts(entries, letters);
  const issued = new Map<string, { lane: string; place: number }>();
  const verdict: Verdict = { accepted: 0, lost: [], metWhileAdding: 0 };
  entries.forEach((entry, place) => {
    if (entry.at === "issued") issued.set(entry.syncJob, { lane: entry.lane, place });
    if (entry.at !== "accepted") return;
    const syncJob = issued.get(entry.syncJob);
    if (!syncJob) throw new Error(`${entry.syncJob} was accepted and never issued: the journal is broken`);
    verdict.accepted += 1;
    const start = lastStart.get(syncJob.lane) ?? -1;
    if (start < syncJob.place) verdict.lost.push(`${syncJob.lane} (${entry.syncJob})`);
    else if (start < place) verdict.metWhileAdding += 1;
  });
  return verdict;
}

/** By lane: the place of the last start of a run that finished or whose job became a dead letter. */
function findLastStarts(
  entries: readonly JournalEntry[],
  letters: ReadonlySet<string>,
): ReadonlyMap<string, number> {
  const finished = new Set(entries.flatMap((entry) => (entry.at === "finished" ? [entry.run] : [])));
  const lastStart = new Map<string, number>();
  entries.forEach((entry, place) => {
    if (entry.at !== "started") return;
    if (finished.has(entry.run) || letters.has(entry.job)) lastStart.set(entry.lane, place);
  });
  return lastStart;
}
