import { setTimeout as sleep } from "node:timers/promises";
import { AppError, isOutage, type PurgeAnswer, purgeAnswer, readErrorCode } from "@rollcall/contracts";
import {
  claimPurge,
  findPurge,
  finishPurge,
  holdPurge,
  type Pool,
  PurgeLost,
  type PurgeRequest,
  type RequestedPurge,
  requestPurge,
  returnPurge,
} from "@rollcall/db";
import type { Logger, Metrics } from "@rollcall/observability";
import { countPostgresError } from "../count-postgres-error.ts";
import {
  describePurge,
  type PurgeContext,
  type PurgeRecord,
  previewPurge,
  purgeProgress,
  purgeUser,
} from "./purge.ts";

const longestWaitMs = 10_000;
const readEveryMs = 200;

/**
 * Lets a worker purge a user, and waits for its answer. The api's role may not change the data of a person, and an api may
 * lack the key with which Clerk confirms the deletion. A call that is repeated follows the same purge.
 *
 * @throws AppError the errors of `purgeUser`; `purge.waiting` while no worker has done it; `admin.changed_meanwhile`
 */
export async function requestPurgeByWorker(
  { pool }: { pool: Pool },
  request: PurgeRequest,
): Promise<PurgeAnswer> {
  const id = await requestPurge(pool, request, longestWaitMs);
  for (const untilMs = Date.now() + longestWaitMs; Date.now() < untilMs; await sleep(readEveryMs)) {
    const purge = await findPurge(pool, id);
    if (purge?.isFinished) return readAnswer(purge);
  }
  throw new AppError("purge.waiting", "No worker has carried out the purge yet");
}

function readAnswer({ answer, errorCode, hint }: RequestedPurge): PurgeAnswer {
  if (errorCode) throw new AppError(errorCode, "A worker refused the purge", hint === null ? {} : { hint });
  const read = purgeAnswer.safeParse(answer);
  if (read.success) return read.data;
  throw new AppError("internal", "A purge has an answer of an unexpected form", { cause: read.error });
}

export type PurgeWorkContext = PurgeContext & { log: Logger; metrics: Pick<Metrics, "count"> };

/**
 * Longer than a step of a purge takes; each step prolongs the claim. After a worker's death another one goes on with the
 * purge, and erases nothing twice.
 */
const claimMs = 30_000;
const outageWaitMs = 2_000;

/** Carries out the purges that operators requested. */
export async function workOnPurges(context: PurgeWorkContext): Promise<void> {
  for (let purge = await claimPurge(context.pool, claimMs); purge; ) {
    await carryOut(context, purge);
    purge = await claimPurge(context.pool, claimMs);
  }
}

async function carryOut(context: PurgeWorkContext, purge: RequestedPurge): Promise<void> {
  const { pool, log, metrics } = context;
  const { clerkId, keepProfile, preview, by } = purge;
  const options = { candidates: purge.also, keepProfile };
  const record: PurgeRecord = {
    before: purgeProgress.safeParse(purge.answer).data,
    hold: (db) => holdPurge(db, purge, claimMs),
    store: (db, progress) => holdPurge(db, purge, claimMs, progress),
  };
  try {
    const done = await (preview ? previewPurge : purgeUser)(context, clerkId, options, by, record);
    const answer = { clerkId, purged: !preview, ...describePurge(clerkId, done, options) };
    await finishPurge(pool, purge, { answer });
    if (!preview) log.info({ event: "user_purged", clerkId, by }, "A user is purged");
  } catch (error) {
    if (error instanceof PurgeLost) return;
    countPostgresError(metrics, error);
    const code = readErrorCode(error);
    log.warn({ clerkId, by, code, err: error }, "A purge was not carried out");
    if (isOutage(error)) {
      await returnPurge(pool, purge, outageWaitMs);
      throw error;
    }
    const hint = error instanceof AppError && typeof error.hint === "string" ? error.hint : null;
    await finishPurge(pool, purge, { errorCode: code, hint });
  }
}
