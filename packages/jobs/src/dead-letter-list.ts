import type { JobQueue, QueuedJob } from "./backend.ts";
import { deadLetter, type StoredDeadLetter } from "./dead-letter.ts";
import { readWork } from "./dead-letter-replay.ts";
import { underDeadline } from "./deadline.ts";
import type { Producer } from "./producer.ts";

/** A page is answered within this, whatever the length of the queue. */
const longestReadMs = 5_000;
const readTogether = 200;
/** A page of one code may have to look through others: after so many it ends early, with a cursor. */
const longestScan = 5_000;

/**
 * Dead letters, newest first. The cursor counts from the oldest, so that new ones do not move a page; those that
 * are replayed or discarded meanwhile may make the next page repeat some, and never skip any.
 *
 * @throws AppError `queue.unavailable`
 */
export function listDeadLetters(
  deadLetters: Producer,
  page: { code?: string | undefined; cursor?: string | undefined; limit: number },
): Promise<{ items: StoredDeadLetter[]; nextCursor: string | null }> {
  return reading(deadLetters, async (queue) => {
    const total = await queue.getWaitingCount();
    const first = page.cursor === undefined ? 0 : Math.max(0, total - Number(page.cursor));
    const items: StoredDeadLetter[] = [];
    let at = first;
    while (at < total && at - first < longestScan) {
      for (const letter of await readSlice(queue, at, Math.min(readTogether, total - at))) {
        at++;
        if (!letter || (page.code !== undefined && letter.code !== page.code)) continue;
        items.push(letter);
        if (items.length === page.limit) return { items, nextCursor: at < total ? String(total - at) : null };
      }
    }
    return { items, nextCursor: at < total ? String(total - at) : null };
  });
}

/**
 * The oldest `limit` of a code, or of all, that may be replayed: whoever waited longest is not overtaken by those
 * who fail again.
 *
 * @throws AppError `queue.unavailable`
 */
export async function findReplayable(
  deadLetters: Producer,
  code: string | undefined,
  limit: number,
): Promise<StoredDeadLetter[]> {
  // By id: letters that come meanwhile push those that were read into the next slice.
  const found = new Map<string, StoredDeadLetter>();
  let end = await reading(deadLetters, (queue) => queue.getWaitingCount());
  while (end > 0 && found.size < limit) {
    const start = Math.max(0, end - readTogether);
    const slice = await reading(deadLetters, (queue) => readSlice(queue, start, end - start));
    for (const letter of slice.toReversed()) {
      if (letter?.replayable && (code === undefined || letter.code === code)) found.set(letter.id, letter);
    }
    end = start;
  }
  return [...found.values()].slice(0, limit);
}

/** Those of `ids` that are there. @throws AppError `queue.unavailable` */
export function findDeadLetters(deadLetters: Producer, ids: readonly string[]): Promise<StoredDeadLetter[]> {
  return reading(deadLetters, async (queue) => {
    const jobs = await Promise.all(ids.map((id) => queue.getJob(id)));
    return jobs.flatMap((job) => (job ? [readStored(job)] : []));
  });
}

/** Takes dead letters out; those that are gone already do not matter. @throws AppError `queue.unavailable` */
export function removeDeadLetters(deadLetters: Producer, ids: readonly string[]): Promise<void> {
  return reading(deadLetters, async (queue) => {
    await Promise.all(ids.map((id) => queue.remove(id)));
  });
}

function reading<T>(deadLetters: Producer, read: (queue: JobQueue) => Promise<T>): Promise<T> {
  const work = deadLetters.connected(longestReadMs).then(read);
  return underDeadline(work, longestReadMs, "Reading the dead letters");
}

/** As many entries as were asked for: a hole stands for one that went meanwhile. */
async function readSlice(
  queue: JobQueue,
  start: number,
  length: number,
): Promise<(StoredDeadLetter | undefined)[]> {
  // Newest first on both backends; the other order is not the same on both.
  const jobs = await queue.getJobs(["waiting"], start, start + length - 1, false);
  return Array.from({ length }, (_, index) => jobs[index] && readStored(jobs[index]));
}

/** What somebody put into the queue by hand is shown as well, so that it can be discarded. */
function readStored(job: QueuedJob): StoredDeadLetter {
  const id = String(job.id);
  const read = deadLetter.safeParse(job.data);
  if (read.success) {
    const letter = { ...read.data, id };
    // What this build cannot read, a newer one may: so it is judged now and not when it died.
    return { ...letter, replayable: letter.replayable && readWork(letter) !== undefined };
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
