import { type DeadLetterCount, errorTable, type JobDeadLetter } from "@rollcall/contracts";
import type { JobQueue, QueueBackend, QueuedJob } from "./backend.ts";
import {
  canReplay,
  type DeadLetter,
  deadLetter,
  readClerkId,
  readClerkOrgId,
  type StoredDeadLetter,
} from "./dead-letters.ts";
import { type Producer, withQueueTimeout } from "./producer.ts";

/** A page is answered within this time, however long the queue is. */
const longestReadMs = 5_000;
const sliceLength = 200;
/** A page of one code may have to pass over many others. After this many, or this time, it ends early, with a cursor. */
const longestScan = 5_000;
const longestScanMs = 1_000;
/** Of letters that are searched and not listed, more are read at once: this costs half as much for each. */
const searchedTogether = 1_000;

/**
 * Lists dead letters, newest first. The cursor counts from the oldest, so that new ones do not move a page. Replays and
 * discards in the meantime may make the next page repeat some letters, and never skip any.
 *
 * @throws AppError `queue.unavailable`
 */
export function listDeadLetters(
  deadLetters: Producer,
  page: { code?: string | undefined; cursor?: string | undefined; limit: number },
  { longestMs = longestScanMs }: { longestMs?: number } = {},
): Promise<{ items: StoredDeadLetter[]; nextCursor: string | null }> {
  return readQueue(deadLetters, async (queue) => {
    const total = await queue.getWaitingCount();
    const first = page.cursor === undefined ? 0 : Math.max(0, total - Number(page.cursor));
    const together = page.code === undefined ? sliceLength : searchedTogether;
    const items: StoredDeadLetter[] = [];
    const startedAtMs = performance.now();
    let at = first;
    const isOver = () =>
      at - first >= longestScan || (page.code !== undefined && performance.now() - startedAtMs > longestMs);
    while (at < total && (at === first || !isOver())) {
      for (const letter of await readSlice(queue, at, Math.min(together, total - at))) {
        at++;
        if (!letter || (page.code !== undefined && letter.code !== page.code)) continue;
        items.push(letter);
        if (items.length === page.limit) return { items, nextCursor: at < total ? String(total - at) : null };
      }
    }
    return { items, nextCursor: at < total ? String(total - at) : null };
  });
}

/** As with a list, many other letters may have to be passed over. Until one is found, the search goes on for longer. */
const longestSearchFor = { more: longestScan, first: 200_000 } as const;

/**
 * Finds the oldest `limit` letters of a code, or of all codes. Oldest first, so that letters that fail again never delay
 * an older one. The search may end early, and always finds a letter if one of the oldest 200,000 matches.
 *
 * @param wish whether letters are left out that no replay can help
 * @param goOn called between two reads, which may take a second. If it rejects, the search ends
 * @returns more: other letters may match
 * @throws AppError `queue.unavailable`
 */
export async function findOldest(
  deadLetters: Producer,
  { code, replayable }: { code: string | undefined; replayable: boolean },
  limit: number,
  goOn: () => Promise<void> = async () => undefined,
): Promise<{ letters: StoredDeadLetter[]; more: boolean }> {
  // By id, because a letter that arrives meanwhile moves letters of the last slice into the next one.
  const found = new Map<string, StoredDeadLetter>();
  const total = await readQueue(deadLetters, (queue) => queue.getWaitingCount());
  let end = total;
  const isOver = () => total - end >= longestSearchFor[found.size > 0 ? "more" : "first"];
  while (end > 0 && found.size <= limit && !isOver()) {
    if (end < total) await goOn();
    const start = Math.max(0, end - searchedTogether);
    const slice = await readQueue(deadLetters, (queue) => readSlice(queue, start, end - start));
    for (const letter of slice.toReversed()) {
      if (!letter || (code !== undefined && letter.code !== code)) continue;
      if (letter.replayable || !replayable) found.set(letter.id, letter);
    }
    end = start;
  }
  return { letters: [...found.values()].slice(0, limit), more: found.size > limit || end > 0 };
}

/** Those of `ids` that exist. @throws AppError `queue.unavailable` */
export function findDeadLetters(deadLetters: Producer, ids: readonly string[]): Promise<StoredDeadLetter[]> {
  return readQueue(deadLetters, async (queue) => {
    const jobs = await Promise.all(ids.map((id) => queue.getJob(id)));
    return jobs.flatMap((job) => (job ? [readStored(job)] : []));
  });
}

/** Removes dead letters. @returns the ids that existed @throws AppError `queue.unavailable` */
export function removeDeadLetters(deadLetters: Producer, ids: readonly string[]): Promise<string[]> {
  return readQueue(deadLetters, async (queue) => {
    const removed = await Promise.all(ids.map((id) => queue.remove(id)));
    return ids.filter((_, index) => removed[index] === 1);
  });
}

const longestSearch = 1_000;

/** A user's dead letters among the newest thousand, those of memberships included. */
export function findDeadLettersOfUser(queue: JobQueue, clerkId: string): Promise<JobDeadLetter[]> {
  return search(queue, (letter) => readClerkId(letter) === clerkId);
}

/** An organization's dead letters among the newest thousand, those of its memberships included. */
export function findDeadLettersOfOrganization(queue: JobQueue, clerkOrgId: string): Promise<JobDeadLetter[]> {
  return search(queue, (letter) => readClerkOrgId(letter) === clerkOrgId);
}

async function search(queue: JobQueue, isWanted: (letter: DeadLetter) => boolean): Promise<JobDeadLetter[]> {
  const jobs = await queue.getJobs(["waiting"], 0, longestSearch - 1, false);
  return jobs.flatMap((job) => {
    const letter = deadLetter.safeParse(job?.data).data;
    if (!letter || !isWanted(letter)) return [];
    const { queue: from, name: kind, attempts, code } = letter;
    const at = new Date(letter.failedAtMs).toISOString();
    const of = { clerkId: readClerkId(letter), clerkOrgId: readClerkOrgId(letter) };
    const refusal = letter.refusal ?? null;
    return [{ id: String(job.id), queue: from, kind, state: "dead", attempts, code, at, ...of, refusal }];
  });
}

/** The newest dead letters are counted by code, older ones only as a total. */
const newest = 5_000;

/**
 * Counts dead letters by code, the most frequent first. `other` is always there: letters that are older or unreadable.
 *
 * @throws AppError `queue.unavailable`
 */
export async function countDeadLetters(backend: QueueBackend): Promise<DeadLetterCount[]> {
  const { names, rest } = await withQueueTimeout(
    backend.countNames("dead-letter", newest),
    longestReadMs,
    "Counting the dead letters",
  );
  const counts = new Map([["other", rest]]);
  for (const [name, count] of names) {
    // A job that was added by hand may have any name, and this is a metric's label.
    const code = Object.hasOwn(errorTable, name) ? name : "other";
    counts.set(code, (counts.get(code) ?? 0) + count);
  }
  return [...counts].map(([code, count]) => ({ code, count })).sort((a, b) => b.count - a.count);
}

function readQueue<T>(deadLetters: Producer, read: (queue: JobQueue) => Promise<T>): Promise<T> {
  const work = deadLetters.connected(longestReadMs).then(read);
  return withQueueTimeout(work, longestReadMs, "Reading the dead letters");
}

/** As many entries as asked for; a letter that was removed meanwhile is undefined. */
async function readSlice(
  queue: JobQueue,
  start: number,
  length: number,
): Promise<(StoredDeadLetter | undefined)[]> {
  // Newest first means the same on both backends; the other order does not.
  const jobs = await queue.getJobs(["waiting"], start, start + length - 1, false);
  return Array.from({ length }, (_, index) => jobs[index] && readStored(jobs[index]));
}

/** A job that was added by hand is listed too, so that it can be discarded. */
function readStored(job: QueuedJob): StoredDeadLetter {
  const id = String(job.id);
  const read = deadLetter.safeParse(job.data);
  if (read.success) {
    // Decided at each read: a newer version may read a payload that the version before could not.
    return { ...read.data, id, replayable: canReplay(read.data) };
  }
  return {
    v: 1,
    id,
    queue: "unknown",
    name: "unknown",
    payload: null,
    code: "job.unreadable",
    attempts: 0,
    firstAtMs: job.timestamp,
    failedAtMs: job.timestamp,
    replayable: false,
  };
}
