import type { ClerkSimulator } from "@rollcall/clerk-simulator";
import { AppError } from "@rollcall/contracts";
import type { Pool } from "@rollcall/db";
import { findSession } from "@rollcall/db";
import type { SyncJob } from "@rollcall/jobs";
import { type SyncContext, type SyncOutcome, syncUser } from "@rollcall/sync";
import type { HeldRead, TestWorker } from "@rollcall/sync/testing/workers";
import { performAppStep } from "./app.ts";
import { createClerkSide } from "./clerk-side.ts";
import { type AppStep, type Delivery, type History, peopleInHistory, type Step } from "./history.ts";
import { checkChange, checkEnd, findLosers } from "./invariants.ts";
import { applyChange, createLedger, type Ledger, unclaimedProfiles } from "./ledger.ts";
import { readChanges } from "./recorder.ts";

export type World = { clerk: ClerkSimulator; app: Pool; workers: readonly TestWorker[] };

type Held = { read: HeldRead; outcomes: Promise<PromiseSettledResult<void>[]> };

const tables =
  "users, mentorados, rollcall.conflicts, rollcall.events, rollcall.held_deletions, rollcall.absences, recorder.changes";

/**
 * Runs a history on an empty database and checks every write. Then it runs one job for each user and checks the end.
 *
 * @param run a number for the ids of this history's accounts, because Clerk's ids never return
 * @throws Error with every invariant that the first failing step broke
 */
export async function runHistory(world: World, { people, steps }: History, run: number): Promise<void> {
  await world.app.query(`truncate ${tables} restart identity`);
  const ledger = createLedger();
  const side = createClerkSide(world.clerk, ledger, people, run);
  let held: Held[] = [];
  let lastId = 0;

  async function syncJob(
    worker: number,
    kind: SyncJob["kind"],
    clerkId: string,
    attempt: number,
  ): Promise<void> {
    const context = world.workers[worker]?.context;
    if (!context) throw new Error(`There is no worker ${worker}`);
    await runSyncJob(context, ledger, kind, clerkId, attempt);
  }

  async function deliver({ kind, person, former, worker, attempt }: Delivery): Promise<void> {
    const clerkId = former ? side.formerId(person) : side.currentId(person);
    // Clerk signs only deletions that happened.
    const isSigned = kind !== "delete" || ledger.accounts.get(clerkId)?.isGone === true;
    await syncJob(worker, isSigned ? kind : "refresh", clerkId, attempt);
  }

  async function hold(people: readonly number[], worker: number, point: "before" | "after"): Promise<void> {
    const read = world.workers[worker]?.holdNext(point);
    if (!read) return;
    const runs = people.map((person) => syncJob(worker, "refresh", side.currentId(person), 4));
    // Settled, so that a failure before the release does not end the process.
    held.push({ read, outcomes: Promise.allSettled(runs) });
    await read.arrived;
  }

  async function release(some: readonly Held[]): Promise<void> {
    held = held.filter((one) => !some.includes(one));
    for (const { read } of some) read.release();
    throwFirst((await Promise.all(some.map(({ outcomes }) => outcomes))).flat());
  }

  async function performApp(step: AppStep): Promise<void> {
    // The app knows a user only after the sign-up at Clerk.
    if (step.app === "give" && !ledger.accounts.has(side.currentId(step.person))) return;
    await performAppStep(world.app, side, step);
  }

  async function perform(step: Step): Promise<void> {
    if ("clerk" in step) await side.perform(step);
    else if ("app" in step) await performApp(step);
    else if ("deliver" in step) {
      const meanwhile = step.meanwhile ? [performApp(step.meanwhile)] : [];
      await allDone([...step.deliver.map(deliver), ...meanwhile, release(step.withHeld ? held : [])]);
    } else if ("hold" in step) await hold(step.hold, step.worker, step.point);
    else if ("release" in step) await release(held.slice(step.release, step.release + 1));
  }

  /** Performs a step, then checks every write that it made. */
  async function checked(name: string, step: () => Promise<void>): Promise<void> {
    const start = { unclaimed: unclaimedProfiles(ledger), users: new Map(ledger.users) };
    await step();
    const changes = await readChanges(world.app, lastId);
    const broken: string[] = [];
    for (const change of changes) {
      broken.push(...checkChange(ledger, start, change));
      applyChange(ledger, change);
      lastId = change.id;
    }
    const losers = findLosers(ledger, start, changes);
    if (losers.length > 0) broken.push(...(await findWithoutConflict(world.app, losers)));
    if (broken.length > 0) throw new Error(`${name}: ${broken.join("; ")}`);
  }

  try {
    for (const [index, step] of steps.entries()) await checked(`step ${index}`, () => perform(step));
    await checked("the last sign-ups", async () => {
      for (let person = 0; person < peopleInHistory; person++)
        await side.perform({ clerk: "sign-up", person });
    });
    await checked("early releases", () => release(held.filter((_, index) => index % 2 === 0).reverse()));
    await checked("one run for each user", async () => {
      const runs = [...ledger.accounts.values()].map(({ id, isGone }, index) =>
        syncJob(index % world.workers.length, isGone ? "delete" : "refresh", id, 1),
      );
      await allDone(runs);
    });
    await checked("late releases", () => release(held));
  } finally {
    await release(held).catch(() => undefined);
  }
  const broken = checkEnd(ledger);
  if (broken.length > 0) throw new Error(`the end: ${broken.join("; ")}`);
}

/** Waits for all, also when one fails: work that goes on would disturb the next history. */
async function allDone(work: readonly Promise<void>[]): Promise<void> {
  throwFirst(await Promise.allSettled(work));
}

function throwFirst(outcomes: readonly PromiseSettledResult<void>[]): void {
  const failed = outcomes.find((outcome) => outcome.status === "rejected");
  if (failed) throw failed.reason;
}

async function findWithoutConflict(app: Pool, userIds: readonly number[]): Promise<string[]> {
  const found = await app.query<{ id: number }>(
    "select l.id from unnest($1::int[]) as l (id) where not exists (select from rollcall.conflicts c where c.user_id = l.id)",
    [userIds],
  );
  return found.rows.map(({ id }) => `user ${id}: lost a profile without a conflict`);
}

/** Runs with these outcomes write nothing: they did not read Clerk, or found no user there. */
const writesNothing: ReadonlySet<SyncOutcome> = new Set<SyncOutcome>(["present", "absent", "held"]);

/**
 * Runs a sync job like a worker. When a run is over, its job is gone from the queue, so by then the row must be at least
 * as new as Clerk's version at the start of the run.
 *
 * @throws Error that names the invariant if it is not
 */
async function runSyncJob(
  context: SyncContext,
  { accounts }: Ledger,
  kind: SyncJob["kind"],
  clerkId: string,
  attempt: number,
): Promise<void> {
  const seenAtMs = accounts.get(clerkId)?.versions.at(-1)?.updated_at;
  const outcome = await runWithoutRetry(context, kind, clerkId, attempt);
  if (seenAtMs === undefined || outcome === undefined || writesNothing.has(outcome)) return;
  const row = (await findSession(context.pool, clerkId))?.user;
  const isOlder = row?.deletedAt === null && (row.clerkUpdatedAt?.getTime() ?? 0) < seenAtMs;
  if (!row || isOlder)
    throw new Error(`${clerkId}: a run ended and left the row older than the version that it saw`);
}

/** A queue would retry after `user.absent`. A history leaves this retry out, as it may leave out any job. */
async function runWithoutRetry(
  context: SyncContext,
  kind: SyncJob["kind"],
  clerkId: string,
  attempt: number,
) {
  try {
    return await syncUser(context, { v: 1, kind, clerkId, cause: "webhook", eventAtMs: 0 }, attempt);
  } catch (error) {
    if (error instanceof AppError && error.code === "user.absent") return undefined;
    throw error;
  }
}
