import { setTimeout as sleep } from "node:timers/promises";
import { AppError, type DiscardRequest, mostDeadLetters, type ReplayRequest } from "@rollcall/contracts";
import { type AdminEvent, type Pool, recordAdminEvents } from "@rollcall/db";
import {
  findDeadLetters,
  findReplayable,
  type Producers,
  readClerkId,
  removeDeadLetters,
  replayDeadLetter,
  type StoredDeadLetter,
  type SyncQueueName,
} from "@rollcall/jobs";

export type DeadLetterContext = {
  pool: Pool;
  producers: Pick<Producers, SyncQueueName | "dead-letter">;
};

/** One that was named, and why nothing was done with it. */
export type Refused = { id: string; code: "dead_letter.unknown" | "dead_letter.not_replayable" };

/** A hundred a second: coalesced they are a few requests to Clerk, and logins do not feel them. */
const chunkSize = 25;
const chunkEveryMs = 250;
const enqueueDeadlineMs = 2_000;

/**
 * Does dead letters again, at a bounded rate: first the new job, then the record, then the letter goes. Whoever
 * dies in between leaves a letter whose work was asked for already, and asking twice does no harm.
 *
 * @param by who asked, for the timeline
 * @throws AppError `dead_letter.*` when there was nothing to do, `queue.unavailable`, `postgres.unavailable`; the
 * letters that were not reached are still there
 */
export async function replayDeadLetters(
  context: DeadLetterContext,
  wish: ReplayRequest,
  by: string,
): Promise<{ replayed: number; refused: Refused[]; more: boolean }> {
  const { letters, refused, more } = await choose(context, wish);
  if (letters.length === 0) refuseTogether(wish, refused);
  for (let at = 0; at < letters.length; at += chunkSize) {
    const began = Date.now();
    const chunk = letters.slice(at, at + chunkSize);
    await Promise.all(chunk.map((letter) => replayDeadLetter(context.producers, letter, enqueueDeadlineMs)));
    await recordAndRemove(context, by, chunk, (letter) => describe("dead_letter_replayed", letter));
    if (at + chunkSize < letters.length) await sleep(Math.max(0, began + chunkEveryMs - Date.now()));
  }
  return { replayed: letters.length, refused, more };
}

/**
 * Gives dead letters up for good: first the record with the reason, then the letter goes.
 *
 * @throws AppError `dead_letter.unknown` when none of them is there, `queue.unavailable`, `postgres.unavailable`
 */
export async function discardDeadLetters(
  context: DeadLetterContext,
  { ids, reason }: DiscardRequest,
  by: string,
): Promise<{ discarded: number; refused: Refused[] }> {
  const letters = await findDeadLetters(context.producers["dead-letter"], distinct(ids));
  const refused = findUnknown(ids, letters);
  if (letters.length === 0) refuseTogether({ ids }, refused);
  await recordAndRemove(context, by, letters, (letter) => {
    const event = describe("dead_letter_discarded", letter);
    return { ...event, details: { ...event.details, reason } };
  });
  return { discarded: letters.length, refused };
}

type Choice = { letters: StoredDeadLetter[]; refused: Refused[]; more: boolean };

async function choose({ producers }: DeadLetterContext, wish: ReplayRequest): Promise<Choice> {
  const deadLetters = producers["dead-letter"];
  if (wish.ids === undefined) {
    const found = await findReplayable(deadLetters, wish.code, mostDeadLetters + 1);
    return {
      letters: found.slice(0, mostDeadLetters),
      refused: [],
      more: found.length > mostDeadLetters,
    };
  }
  const found = await findDeadLetters(deadLetters, distinct(wish.ids));
  const stuck = found.filter((letter) => !letter.replayable);
  return {
    letters: found.filter((letter) => letter.replayable),
    refused: [
      ...findUnknown(wish.ids, found),
      ...stuck.map(({ id }) => ({ id, code: "dead_letter.not_replayable" as const })),
    ],
    more: false,
  };
}

/** Named ones of which none can be done are a mistake, and it is said; to replay all of nothing is none. */
function refuseTogether(wish: ReplayRequest, [first]: readonly Refused[]): void {
  if (first) throw new AppError(first.code, "None of the named dead letters can be had");
  if (wish.code === "webhook.unreadable")
    throw new AppError("dead_letter.not_replayable", "Quarantined deliveries name no user");
}

async function recordAndRemove(
  { pool, producers }: DeadLetterContext,
  by: string,
  letters: readonly StoredDeadLetter[],
  toEvent: (letter: StoredDeadLetter) => AdminEvent,
): Promise<void> {
  await recordAdminEvents(pool, by, letters.map(toEvent));
  await removeDeadLetters(
    producers["dead-letter"],
    letters.map(({ id }) => id),
  );
}

function describe(kind: string, letter: StoredDeadLetter): AdminEvent {
  const { id, code, queue, name } = letter;
  return { clerkId: readClerkId(letter), kind, details: { deadLetterId: id, code, queue, job: name } };
}

function findUnknown(ids: readonly string[], found: readonly StoredDeadLetter[]): Refused[] {
  const there = new Set(found.map(({ id }) => id));
  return distinct(ids)
    .filter((id) => !there.has(id))
    .map((id) => ({ id, code: "dead_letter.unknown" }));
}

function distinct(ids: readonly string[]): string[] {
  return [...new Set(ids)];
}
