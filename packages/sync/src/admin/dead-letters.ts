import { setTimeout as sleep } from "node:timers/promises";
import {
  AppError,
  type DiscardRequest,
  type Hint,
  mostDeadLetters,
  type ReplayRequest,
} from "@rollcall/contracts";
import {
  type AdminAction,
  type AdminEvent,
  acquireLease,
  describeChange,
  findLastActions,
  holdLease,
  type Lease,
  type Pool,
  recordAdminEvents,
  releaseLease,
} from "@rollcall/db";
import {
  findDeadLetters,
  findOldest,
  type Producers,
  readSubject,
  removeDeadLetters,
  replayDeadLetter,
  type StoredDeadLetter,
  type SyncQueueName,
  type UserProducer,
} from "@rollcall/jobs";

export type DeadLetterContext = {
  pool: Pool;
  producers: Pick<Producers, "dead-letter"> & Record<SyncQueueName, UserProducer>;
};

/**
 * A dead letter that the request named, and the reason why it was not processed. The hint says which operator processed
 * it before.
 */
export type Refused = {
  id: string;
  code: "dead_letter.unknown" | "dead_letter.not_replayable";
  hint?: Hint;
};

/** 100 a second: coalesced, they are a few requests to Clerk and do not delay logins. */
const chunkSize = 25;
const chunkEveryMs = 250;
const enqueueDeadlineMs = 2_000;

const lease = { name: "dead-letters", ttlMs: 8_000 } as const;
/** A call of another operator takes some five seconds for 500 letters, and the lease of one that died ends before. */
const longestWaitMs = 10_000;
const tryEveryMs = 200;

/**
 * Runs `work` while no other operator replays or discards. Two calls at once would do the same work twice, record it twice,
 * and both count it. `hold` proves between two steps that the lease is still ours.
 *
 * @throws AppError `dead_letter.busy`
 */
async function alone<Result>(
  { pool }: DeadLetterContext,
  work: (hold: () => Promise<void>) => Promise<Result>,
): Promise<Result> {
  const held = await waitForLease(pool);
  try {
    return await work(async () => {
      if (!(await holdLease(pool, held))) throw busy();
    });
  } finally {
    await releaseLease(pool, held).catch(() => undefined);
  }
}

async function waitForLease(pool: Pool): Promise<Lease> {
  for (const untilMs = Date.now() + longestWaitMs; ; await sleep(tryEveryMs)) {
    const held = await acquireLease(pool, lease.name, lease.ttlMs);
    if (held) return held;
    if (Date.now() > untilMs) throw busy();
  }
}

function busy(): AppError {
  return new AppError("dead_letter.busy", "Another call replays or discards dead letters");
}

/**
 * Replays dead letters at a bounded rate. It adds the new job, records the replay, and then removes the letter. If the
 * process dies in between, the letter stays and may be replayed again, which does no harm.
 *
 * @param by the operator, for the timeline
 * @throws AppError `dead_letter.*` when no letter can be replayed, `queue.unavailable`, `postgres.unavailable`. The
 * letters after the failure stay
 */
export function replayDeadLetters(
  context: DeadLetterContext,
  request: ReplayRequest,
  by: string,
): Promise<{ replayed: number; refused: Refused[]; more: boolean }> {
  return alone(context, async (hold) => {
    const { letters, refused, more } = await select(context, request, { replayable: true, hold });
    if (letters.length === 0) throwIfAllRefused(refused);
    if (letters.length === 0 && request.code === "webhook.unreadable")
      throw new AppError("dead_letter.not_replayable", "Quarantined deliveries name no user");
    let replayed = 0;
    for (let at = 0; at < letters.length; at += chunkSize) {
      const began = Date.now();
      const chunk = letters.slice(at, at + chunkSize);
      await hold();
      await Promise.all(
        chunk.map((letter) => replayDeadLetter(context.producers, letter, enqueueDeadlineMs)),
      );
      replayed += await recordAndRemove(context, by, chunk, (letter) =>
        describe("dead_letter_replayed", letter),
      );
      if (at + chunkSize < letters.length) await sleep(Math.max(0, began + chunkEveryMs - Date.now()));
    }
    return { replayed, refused, more };
  });
}

/**
 * Discards dead letters for good. It records the reason and then removes the letter.
 *
 * @param by the operator, for the timeline
 * @throws AppError `dead_letter.unknown` when none of the named letters exists, `dead_letter.busy`, `queue.unavailable`,
 * `postgres.unavailable`
 */
export function discardDeadLetters(
  context: DeadLetterContext,
  { reason, ...request }: DiscardRequest,
  by: string,
): Promise<{ discarded: number; refused: Refused[]; more?: boolean }> {
  return alone(context, async (hold) => {
    const { letters, refused, more } = await select(context, request, { replayable: false, hold });
    if (letters.length === 0) throwIfAllRefused(refused);
    await hold();
    const discarded = await recordAndRemove(context, by, letters, (letter) => {
      const event = describe("dead_letter_discarded", letter);
      return { ...event, details: { ...event.details, reason } };
    });
    return { discarded, refused, ...(request.ids === undefined && { more }) };
  });
}

type Selection = { letters: StoredDeadLetter[]; refused: Refused[]; more: boolean };

async function select(
  { pool, producers }: DeadLetterContext,
  request: ReplayRequest,
  { replayable, hold }: { replayable: boolean; hold: () => Promise<void> },
): Promise<Selection> {
  const deadLetters = producers["dead-letter"];
  if (request.ids === undefined) {
    const wish = { code: request.code, replayable };
    // The search of a long queue outlasts the lease.
    return { refused: [], ...(await findOldest(deadLetters, wish, mostDeadLetters, hold)) };
  }
  const found = await findDeadLetters(deadLetters, distinct(request.ids));
  const notReplayable = replayable ? found.filter((letter) => !letter.replayable) : [];
  return {
    letters: found.filter((letter) => !notReplayable.includes(letter)),
    refused: [
      ...(await findUnknown(pool, request.ids, found)),
      ...notReplayable.map(({ id }) => ({ id, code: "dead_letter.not_replayable" as const })),
    ],
    more: false,
  };
}

/** A request is an error if it names letters and none of them can be processed. To replay all of none is not. */
function throwIfAllRefused([first]: readonly Refused[]): void {
  if (!first) return;
  const { code, hint } = first;
  throw new AppError(code, "None of the named dead letters can be processed", hint ? { hint } : {});
}

/** @returns the number of removed letters */
async function recordAndRemove(
  { pool, producers }: DeadLetterContext,
  by: string,
  letters: readonly StoredDeadLetter[],
  toEvent: (letter: StoredDeadLetter) => AdminEvent,
): Promise<number> {
  await recordAdminEvents(pool, by, letters.map(toEvent));
  const ids = letters.map(({ id }) => id);
  return (await removeDeadLetters(producers["dead-letter"], ids)).length;
}

function describe(kind: string, letter: StoredDeadLetter): AdminEvent {
  const { id, code, queue, name } = letter;
  const { clerkId, details } = readSubject(letter);
  return { clerkId, kind, details: { deadLetterId: id, code, queue, job: name, ...details } };
}

async function findUnknown(
  pool: Pool,
  ids: readonly string[],
  found: readonly StoredDeadLetter[],
): Promise<Refused[]> {
  const known = new Set(found.map(({ id }) => id));
  const unknown = distinct(ids).filter((id) => !known.has(id));
  if (unknown.length === 0) return [];
  const actions = new Map(
    (await findLastActions(pool, "deadLetterId", unknown)).map((action) => [action.of, action]),
  );
  return unknown.map((id) => {
    const action = actions.get(id);
    return { id, code: "dead_letter.unknown", ...(action && { hint: describeAction(action) }) };
  });
}

function describeAction(action: AdminAction): Hint {
  return describeChange(
    action,
    action.kind === "dead_letter_replayed"
      ? { "pt-BR": "repetida", en: "replayed" }
      : { "pt-BR": "descartada", en: "discarded" },
  );
}

function distinct(ids: readonly string[]): string[] {
  return [...new Set(ids)];
}
