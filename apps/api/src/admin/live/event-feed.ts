import type { ActivityView, LiveEventData } from "@rollcall/contracts";
import { createFinalEventIdReader, hasMoreEvents, listEventsBetween } from "@rollcall/db";
import type { Services } from "@rollcall/runtime";
import { countPostgresError } from "@rollcall/sync";

/** Events in the order of their ids, or the ids that are left out. */
export type FeedBatch =
  | { kind: "events"; events: readonly ActivityView[] }
  | { kind: "gap"; gap: LiveEventData["gap"] };

export type FeedState = {
  /** Every event up to this id was reported or left out. Undefined until Postgres has answered. */
  position: number | undefined;
  /** The age of the oldest event that was not reported yet; milliseconds. */
  lagMs: number;
  postgres: "up" | "down";
};

export type EventFeed = { state(): FeedState; stop(): Promise<void> };

export type FeedListener = {
  onBatch(batch: FeedBatch): void;
  /** After each turn, also one without events. */
  onTurn(): void;
};

export const eventsPerPage = 500;
/** Further behind, events are left out: no person reads so many. */
export const mostBehind = 10_000;

const everyMs = 1_000;
/** While a transaction that writes events is open: most of them last for a few milliseconds. */
const pendingEveryMs = 100;
/** Bounds what a first sync of many users costs this process. */
const mostPerTurn = 2_000;
/** Longer than every statement of ours may take. */
const longestTransactionMs = 60_000;
/** No transaction of ours is open for so many ids, except while so many are written that events are left out. */
const startWithinIds = 5_000;

/**
 * Reads the timeline once a second, for all streams of this process. Each event that becomes final after the start is
 * reported once, in the order of the ids.
 */
export function startEventFeed(
  context: Pick<Services, "pool" | "log" | "metrics">,
  listener: FeedListener,
): EventFeed {
  const { pool, log, metrics } = context;
  const readFinalId = createFinalEventIdReader({
    longestMs: longestTransactionMs,
    startWithin: startWithinIds,
  });
  const state: FeedState = { position: undefined, lagMs: 0, postgres: "up" };
  let answeredAtMs = performance.now();
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  let isStopped = false;

  async function turn(): Promise<void> {
    const beganAtMs = performance.now();
    let delayMs = everyMs;
    try {
      if (await advance()) delayMs = pendingEveryMs;
      answeredAtMs = performance.now();
      state.postgres = "up";
    } catch (error) {
      if (state.postgres === "up") log.warn({ err: error }, "The timeline cannot be read; trying again");
      countPostgresError(metrics, error);
      state.postgres = "down";
      state.lagMs = Math.round(performance.now() - answeredAtMs);
    }
    if (isStopped) return;
    listener.onTurn();
    timer = setTimeout(start, Math.max(0, delayMs - (performance.now() - beganAtMs)));
  }

  /** @returns whether more may follow soon */
  async function advance(): Promise<boolean> {
    const { finalId, newestId, late, waitingMs, isPending } = await readFinalId(pool, state.position ?? 0);
    if (finalId === undefined || isStopped) return isPending;
    state.position ??= finalId;
    if (finalId < state.position) leaveOut({ fromId: 0, toId: finalId, reason: "far_behind" });
    const range = { afterId: state.position, upToId: finalId, count: mostBehind };
    if (await hasMoreEvents(pool, range))
      leaveOut({ fromId: state.position + 1, toId: finalId, reason: "far_behind" });
    await readUpTo(finalId);
    if (late) leaveOut({ fromId: late.fromId, toId: state.position, reason: "late" });
    state.lagMs = state.position < newestId ? Math.max(0, Math.round(waitingMs)) : 0;
    return isPending || state.position < finalId;
  }

  async function readUpTo(finalId: number): Promise<void> {
    let position = state.position ?? finalId;
    for (let read = 0; position < finalId && read < mostPerTurn && !isStopped; read += eventsPerPage) {
      const range = { afterId: position, upToId: finalId, limit: eventsPerPage };
      const events = await listEventsBetween(pool, range);
      if (isStopped) return;
      position = events.length < eventsPerPage ? finalId : (events.at(-1)?.id ?? finalId);
      state.position = position;
      if (events.length > 0) listener.onBatch({ kind: "events", events });
    }
  }

  function leaveOut(gap: LiveEventData["gap"]): void {
    state.position = gap.toId;
    listener.onBatch({ kind: "gap", gap });
  }

  function start(): void {
    running = turn();
  }

  start();
  return {
    state: () => ({ ...state }),
    stop: async () => {
      isStopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
