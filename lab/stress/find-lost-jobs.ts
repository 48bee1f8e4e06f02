import type { JournalEntry } from "./journal.ts";

export type Verdict = {
  accepted: number;
  /** Accepted sync jobs after which nobody looked. */
  lost: string[];
  /** Accepted sync jobs whose only run started between issue and acceptance. */
  metWhileAdding: number;
};

/**
 * The property: for every sync job that was accepted, some run of that user's job starts after it and finishes,
 * or a dead letter shows. Judged for each lane (queue, kind and user), since only within one do sync jobs merge.
 *
 * "After it" compares a run's start with the moment the add was *issued*. What the sync job tells of had happened
 * by then, and a run reads Clerk only after its start, so such a run cannot have missed it. To ask for a
 * start after *acceptance* would be too strong: the job is in the queue before its producer hears of it, and a
 * worker may start it in between; such sync jobs are counted, since they are where the check cannot tell whether
 * the run was due to this sync job or to one before. To compare with the *end* of a run would be too weak: a run
 * that had read Clerk already would count, and that is the very loss which dedup without `keepLastIfActive`
 * brings.
 *
 * A dead letter counts only through a run of its job that started after the issue: a letter that was there
 * before, or that came of an attempt begun before, tells nobody to look again.
 *
 * @param entries in the order of the journal
 * @param letters the jobs, as in `started` entries, that are dead letters
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

/** By lane, the place of the last start of a run that finished or whose job is a dead letter. */
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
