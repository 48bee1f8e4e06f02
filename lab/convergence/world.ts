import type { ClerkSimulator } from "@rollcall/clerk-simulator";
import type { Pool } from "@rollcall/db";
import type { SyncJob } from "@rollcall/jobs";
import type { HeldRead, TestWorker } from "@rollcall/sync/testing/workers";
import { takeAppStep } from "./app.ts";
import { createClerkSide } from "./clerk-side.ts";
import { checkEnd } from "./end.ts";
import { peopleInHistory } from "./history.ts";
import { findLosers, judge } from "./invariants.ts";
import { createLedger, enter, waitingProfiles } from "./ledger.ts";
import { readChanges } from "./recorder.ts";
import { runSyncJob } from "./run-sync-job.ts";
import type { AppStep, Delivery, History, Step } from "./step.ts";

export type World = { clerk: ClerkSimulator; app: Pool; workers: readonly TestWorker[] };

type Held = { read: HeldRead; outcomes: Promise<PromiseSettledResult<void>[]> };

const tables =
  "users, mentorados, rollcall.conflicts, rollcall.events, rollcall.held_deletions, rollcall.absences, recorder.changes";

/**
 * Lives a history through on an empty database, judging every write, then lets each user be looked at once
 * and judges the end.
 *
 * @param run tells this history's accounts from those of others: Clerk's ids never return
 * @throws Error that names every invariant broken in the step that broke one
 */
export async function live(world: World, { people, steps }: History, run: number): Promise<void> {
  await world.app.query(`truncate ${tables} restart identity`);
  const ledger = createLedger();
  const side = createClerkSide(world.clerk, ledger, people, run);
  let held: Held[] = [];
  let lastId = 0;

  async function syncJob(
    worker: number,
    kind: SyncJob["kind"],
    clerkId: string,
    look: number,
  ): Promise<void> {
    const context = world.workers[worker]?.context;
    if (!context) throw new Error(`There is no worker ${worker}`);
    await runSyncJob(context, ledger, kind, clerkId, look);
  }

  async function deliver({ kind, who, former, worker, look }: Delivery): Promise<void> {
    const clerkId = former ? side.formerId(who) : side.currentId(who);
    // Clerk signs only deletions that happened.
    const isSigned = kind !== "delete" || ledger.accounts.get(clerkId)?.isGone === true;
    await syncJob(worker, isSigned ? kind : "refresh", clerkId, look);
  }

  async function hold(whom: readonly number[], worker: number, point: "before" | "after"): Promise<void> {
    const read = world.workers[worker]?.holdNext(point);
    if (!read) return;
    const runs = whom.map((who) => syncJob(worker, "refresh", side.currentId(who), 4));
    // Settled, so that a failure before the release does not end the process.
    held.push({ read, outcomes: Promise.allSettled(runs) });
    await read.arrived;
  }

  async function release(some: readonly Held[]): Promise<void> {
    held = held.filter((one) => !some.includes(one));
    for (const { read } of some) read.release();
    throwFirst((await Promise.all(some.map(({ outcomes }) => outcomes))).flat());
  }

  async function takeApp(step: AppStep): Promise<void> {
    // The app learns of people from Clerk, and only then.
    if (step.app === "give" && !ledger.accounts.has(side.currentId(step.who))) return;
    await takeAppStep(world.app, side, step);
  }

  async function take(step: Step): Promise<void> {
    if ("clerk" in step) await side.take(step);
    else if ("app" in step) await takeApp(step);
    else if ("deliver" in step) {
      const meanwhile = step.meanwhile ? [takeApp(step.meanwhile)] : [];
      await allDone([...step.deliver.map(deliver), ...meanwhile, release(step.withHeld ? held : [])]);
    } else if ("hold" in step) await hold(step.hold, step.worker, step.point);
    else if ("release" in step) await release(held.slice(step.release, step.release + 1));
  }

  /** Takes a step, then judges every write that it made. */
  async function judged(what: string, step: () => Promise<void>): Promise<void> {
    const start = { waiting: waitingProfiles(ledger), users: new Map(ledger.users) };
    await step();
    const changes = await readChanges(world.app, lastId);
    const broken: string[] = [];
    for (const change of changes) {
      broken.push(...judge(ledger, start, change));
      enter(ledger, change);
      lastId = change.id;
    }
    const losers = findLosers(ledger, start, changes);
    if (losers.length > 0) broken.push(...(await findUnheard(world.app, losers)));
    if (broken.length > 0) throw new Error(`${what}: ${broken.join("; ")}`);
  }

  try {
    for (const [index, step] of steps.entries()) await judged(`step ${index}`, () => take(step));
    await judged("the last sign-ups", async () => {
      for (let who = 0; who < peopleInHistory; who++) await side.take({ clerk: "sign-up", who });
    });
    await judged("early releases", () => release(held.filter((_, index) => index % 2 === 0).reverse()));
    await judged("one run for each user", async () => {
      const runs = [...ledger.accounts.values()].map(({ id, isGone }, index) =>
        syncJob(index % world.workers.length, isGone ? "delete" : "refresh", id, 1),
      );
      await allDone(runs);
    });
    await judged("late releases", () => release(held));
  } finally {
    await release(held).catch(() => undefined);
  }
  const broken = checkEnd(ledger);
  if (broken.length > 0) throw new Error(`the end: ${broken.join("; ")}`);
}

/** Waits for all, also when one fails: what still ran would run into the next history. */
async function allDone(work: readonly Promise<void>[]): Promise<void> {
  throwFirst(await Promise.allSettled(work));
}

function throwFirst(outcomes: readonly PromiseSettledResult<void>[]): void {
  const failed = outcomes.find((outcome) => outcome.status === "rejected");
  if (failed) throw failed.reason;
}

async function findUnheard(app: Pool, userIds: readonly number[]): Promise<string[]> {
  const found = await app.query<{ id: number }>(
    "select l.id from unnest($1::int[]) as l (id) where not exists (select from rollcall.conflicts c where c.user_id = l.id)",
    [userIds],
  );
  return found.rows.map(({ id }) => `user ${id}: lost a profile and nobody heard of it`);
}
