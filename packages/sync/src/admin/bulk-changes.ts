import {
  AppError,
  type BulkAnswer,
  type BulkRequest,
  type BulkView,
  clerkUserId,
  isOutage,
  readErrorCode,
} from "@rollcall/contracts";
import {
  type BulkSelection,
  type ClaimedPortion,
  cancelBulkChange,
  claimPortion,
  countSelected,
  dropPortions,
  failPortion,
  findBulkChange,
  findTombstones,
  finishBulkChange,
  finishPortion,
  halvePortion,
  inTransaction,
  isTooSlow,
  listOpenBulkChanges,
  type OpenBulkChange,
  type Pool,
  PortionLost,
  type Queryable,
  readWish,
  returnPortion,
  settlePortion,
  stageBulkChange,
  writePortionTier,
} from "@rollcall/db";
import { addSyncJob, type QueueBackend, type UserProducer } from "@rollcall/jobs";
import type { Logger, Metrics } from "@rollcall/observability";
import { countPostgresError } from "../count-postgres-error.ts";
import type { SessionCache } from "../ensure/session-cache.ts";
import { syncJobFor } from "./change-user.ts";

/**
 * Counts the users that a bulk change would select, or selects them. A worker then does the work: see
 * `workOnBulkChanges`.
 *
 * @param by the operator, for the timeline
 * @throws AppError `request.malformed`, `admin.selection_changed`, `bulk.too_many` or `postgres.unavailable`
 */
export async function requestBulkChange(
  { pool }: { pool: Pool },
  request: BulkRequest,
  by: string,
): Promise<BulkAnswer> {
  const { action, expected, preview } = request;
  const selection = await readSelection(pool, request);
  if (preview) return { matching: await countSelected(pool, selection) };
  const { id, matching } = await stageBulkChange(pool, { selection, action, expected, by });
  return { jobId: id, matching };
}

async function readSelection(pool: Pool, { filter, clerkIds }: BulkRequest): Promise<BulkSelection> {
  if (clerkIds) return { clerkIds: [...new Set(clerkIds)] };
  return { matching: (await readWish(pool, filter ?? {})).selection };
}

/** @throws AppError `bulk.unknown` or `postgres.unavailable` */
export async function getBulkChange({ pool }: { pool: Queryable }, id: number): Promise<BulkView> {
  const change = await findBulkChange(pool, id);
  if (!change) throw new AppError("bulk.unknown", `There is no bulk change ${id}`);
  return change;
}

/**
 * Cancels a bulk change. Users that are done stay done.
 *
 * @param by the operator, for the timeline
 * @throws AppError `bulk.unknown`, `bulk.finished` or `postgres.unavailable`
 */
export function cancelBulk({ pool }: { pool: Pool }, id: number, by: string): Promise<BulkView> {
  return inTransaction(pool, async (client) => {
    const cancelled = await cancelBulkChange(client, id, by);
    if (cancelled) return cancelled;
    const { state, cancelledBy, finishedAt } = await getBulkChange({ pool: client }, id);
    throw new AppError("bulk.finished", `Bulk change ${id} is ${state}`, {
      hint: [state, cancelledBy, finishedAt].filter((part) => part !== null).join(", "),
    });
  });
}

export type BulkContext = {
  pool: Pool;
  sessionCache: SessionCache;
  producers: { sync: UserProducer };
  backend: Pick<QueueBackend, "readStats">;
  log: Logger;
  metrics: Metrics;
};

/** A worker that dies leaves its portion for another one after this time. */
const claimMs = 30_000;
/** While more sync jobs wait, none is added: a webhook's job behind them must not wait long. */
const mostWaiting = 500;
const addDeadlineMs = 2_000;
const addedTogether = 50;

/**
 * Works on all open bulk changes, one portion of each at a time, until nothing is left to do now. Several workers may do
 * so at once. Call it again and again: changes may wait for room in the queue, for locked rows, or for the cache.
 *
 * @throws the first failure of a change, after the work on the others
 */
export async function workOnBulkChanges(context: BulkContext, signal: AbortSignal): Promise<void> {
  const failures = new Map<number, unknown>();
  for (let isWorking = true; isWorking; ) {
    isWorking = false;
    for (const change of await listOpenBulkChanges(context.pool)) {
      if (signal.aborted) return;
      // A change that waits for the queue must not stop another one.
      if (failures.has(change.id)) continue;
      try {
        if (await workOnChange(context, change)) isWorking = true;
      } catch (error) {
        failures.set(change.id, error);
      }
    }
  }
  for (const error of failures.values()) throw error;
}

/** @returns whether there may be more to do at once */
async function workOnChange(context: BulkContext, change: OpenBulkChange): Promise<boolean> {
  const { pool, log } = context;
  if (change.isOver) await dropPortions(pool, change.id);
  else if (await finishBulkChange(pool, change.id)) {
    const ended = await getBulkChange(context, change.id);
    const { id: bulkId, state, matching, done, failed, skipped } = ended;
    log.info(
      { event: "bulk_ended", bulkId, state, matching, done, failed, skipped },
      "A bulk change is over",
    );
    return true;
  }
  const portion = await claimPortion(pool, change.id, claimMs);
  if (!portion) return false;
  try {
    if (portion.writtenIds.length > 0 || change.isOver) await settle(context, portion, portion.writtenIds);
    else if (change.tier === null) return await addJobs(context, portion);
    else await writeTier(context, portion, { tier: change.tier, by: change.by });
    return true;
  } catch (error) {
    if (error instanceof PortionLost) return true;
    if (!isOutage(error)) await failUnexpectedly(context, portion, error);
    throw error;
  }
}

async function writeTier(
  context: BulkContext,
  portion: ClaimedPortion,
  change: { tier: string; by: string },
): Promise<void> {
  const { pool } = context;
  try {
    const written = await writePortionTier(pool, portion, change);
    countUsers(context, "tier", written.counts);
    if (written.isHopeless) reportFailure(context, portion, { rule: written.hopeless?.rule });
    await settle(context, portion, written.writtenIds);
  } catch (error) {
    if (!isTooSlow(error)) throw error;
    const { counts, isHopeless } = await halvePortion(pool, portion, change, readErrorCode(error));
    if (counts) countUsers(context, "tier", counts);
    if (isHopeless) reportFailure(context, portion, { err: error });
    if (counts) await settlePortion(pool, portion);
  }
}

/** @throws AppError `queue.unavailable`: the portion then comes due again, with its written users */
async function settle(
  { pool, sessionCache }: BulkContext,
  portion: ClaimedPortion,
  writtenIds: readonly string[],
): Promise<void> {
  if (writtenIds.length > 0) await sessionCache.invalidate(writtenIds, { onFailure: "throw" });
  await settlePortion(pool, portion);
}

/** @returns false while the queue is full */
async function addJobs(context: BulkContext, portion: ClaimedPortion): Promise<boolean> {
  const { pool, producers, backend } = context;
  if ((await backend.readStats("sync")).jobs.waiting > mostWaiting) {
    await returnPortion(pool, portion);
    return false;
  }
  const deleted = new Set(await findTombstones(pool, portion.clerkIds));
  // A row with an id that is not Clerk's has no user there, and a job would become a dead letter.
  const live = portion.clerkIds.filter((id) => !deleted.has(id) && clerkUserId.safeParse(id).success);
  for (let at = 0; at < live.length; at += addedTogether) {
    const chunk = live.slice(at, at + addedTogether);
    await Promise.all(chunk.map((clerkId) => addSyncJob(producers.sync, syncJobFor(clerkId), addDeadlineMs)));
  }
  // If this process dies before, the jobs are added again, which does no harm.
  const skipped = portion.clerkIds.length - live.length;
  await finishPortion(pool, portion, { skipped });
  countUsers(context, "refresh", { done: live.length, failed: 0, skipped });
  return true;
}

function countUsers(
  { metrics }: BulkContext,
  action: string,
  counts: { done: number; failed: number; skipped: number },
): void {
  for (const [outcome, users] of Object.entries(counts))
    if (users > 0) metrics.count("rollcall_bulk_users_total", { action, outcome }, users);
}

async function failUnexpectedly(
  context: BulkContext,
  portion: ClaimedPortion,
  error: unknown,
): Promise<void> {
  countPostgresError(context.metrics, error);
  if (await failPortion(context.pool, portion, readErrorCode(error)))
    reportFailure(context, portion, { err: error });
}

function reportFailure(
  { log }: BulkContext,
  { bulkId }: ClaimedPortion,
  why: { err: unknown } | { rule: string | undefined },
): void {
  log.error({ event: "bulk_ended", bulkId, state: "failed", ...why }, "A bulk change failed");
}
