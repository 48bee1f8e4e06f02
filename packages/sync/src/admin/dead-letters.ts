import { setTimeout as sleep } from "node:timers/promises";
import { AppError, type DiscardRequest, mostDeadLetters, type ReplayRequest } from "@rollcall/contracts";
import { type AdminEvent, type Pool, recordAdminEvents } from "@rollcall/db";
import {
  findDeadLetters,
  findOldest,
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

/** A dead letter that the request named, and the reason why it was not processed. */
export type Refused = { id: string; code: "dead_letter.unknown" | "dead_letter.not_replayable" };

/** 100 a second: coalesced, they are a few requests to Clerk and do not delay logins. */
const chunkSize = 25;
const chunkEveryMs = 250;
const enqueueDeadlineMs = 2_000;

/**
 * Replays dead letters at a bounded rate. It adds the new job, records the replay, and then removes the letter. If the
 * process dies in between, the letter stays and may be replayed again, which does no harm.
 *
 * @param by the operator, for the timeline
 * @throws AppError `dead_letter.*` when no letter can be replayed, `queue.unavailable`, `postgres.unavailable`. The
 * letters after the failure stay
 */
export async function replayDeadLetters(
  context: DeadLetterContext,
  request: ReplayRequest,
  by: string,
): Promise<{ replayed: number; refused: Refused[]; more: boolean }> {
  const { letters, refused, more } = await select(context, request, { replayable: true });
  if (letters.length === 0) throwIfAllRefused(refused);
  if (letters.length === 0 && request.code === "webhook.unreadable")
    throw new AppError("dead_letter.not_replayable", "Quarantined deliveries name no user");
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
 * Discards dead letters for good. It records the reason and then removes the letter.
 *
 * @param by the operator, for the timeline
 * @throws AppError `dead_letter.unknown` when none of them exists, `queue.unavailable`, `postgres.unavailable`
 */
export async function discardDeadLetters(
  context: DeadLetterContext,
  { reason, ...request }: DiscardRequest,
  by: string,
): Promise<{ discarded: number; refused: Refused[]; more: boolean }> {
  const { letters, refused, more } = await select(context, request, { replayable: false });
  if (letters.length === 0) throwIfAllRefused(refused);
  await recordAndRemove(context, by, letters, (letter) => {
    const event = describe("dead_letter_discarded", letter);
    return { ...event, details: { ...event.details, reason } };
  });
  return { discarded: letters.length, refused, more };
}

type Selection = { letters: StoredDeadLetter[]; refused: Refused[]; more: boolean };

async function select(
  { producers }: DeadLetterContext,
  request: ReplayRequest,
  { replayable }: { replayable: boolean },
): Promise<Selection> {
  const deadLetters = producers["dead-letter"];
  if (request.ids === undefined) {
    const found = await findOldest(deadLetters, { code: request.code, replayable }, mostDeadLetters + 1);
    return {
      letters: found.slice(0, mostDeadLetters),
      refused: [],
      more: found.length > mostDeadLetters,
    };
  }
  const found = await findDeadLetters(deadLetters, distinct(request.ids));
  const notReplayable = replayable ? found.filter((letter) => !letter.replayable) : [];
  return {
    letters: found.filter((letter) => !notReplayable.includes(letter)),
    refused: [
      ...findUnknown(request.ids, found),
      ...notReplayable.map(({ id }) => ({ id, code: "dead_letter.not_replayable" as const })),
    ],
    more: false,
  };
}

/** A request is an error if it names letters and none of them can be processed. To replay all of none is not. */
function throwIfAllRefused([first]: readonly Refused[]): void {
  if (first) throw new AppError(first.code, "None of the named dead letters can be processed");
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
  const known = new Set(found.map(({ id }) => id));
  return distinct(ids)
    .filter((id) => !known.has(id))
    .map((id) => ({ id, code: "dead_letter.unknown" }));
}

function distinct(ids: readonly string[]): string[] {
  return [...new Set(ids)];
}
