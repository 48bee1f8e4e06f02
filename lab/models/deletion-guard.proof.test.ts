import {
  cancelRun,
  createRowReader,
  createUserWriter,
  requestRun,
  runReconcile,
  type SyncContext,
  syncUser,
} from "@rollcall/sync";
import { testDefaults } from "@rollcall/sync/testing/fixtures";
import { inject } from "vitest";
import { openReconcileStage, type ReconcileStage } from "./reconcile-stage.ts";
import type { Replica } from "./replay.ts";
import type { ModelStep } from "./spin.ts";
import { SteppedProcess } from "./stepped-process.ts";
import { proceedUnblocked, type Sent, stopStatements, untilBlocked } from "./stop-statements.ts";
import { testModel } from "./test-model.ts";

const jobPlaces = ["idle", "commit", "count"];
const runnerPlaces = ["idle", "commit", "wait", "count"];
const wait = 2;

const lockGuard = "select pg_advisory_xact_lock($1)";
/** The guard's key in `absences.ts` of packages/db. */
const guardKey = 0x676f6e65;
const absentOfRun = ["user_run_1", "user_run_2", "user_run_3", "user_run_4"];
const absentOfJobs = ["user_job_0", "user_job_1"];

/** The checkpoint of a full sync that has asked Clerk for each of its candidates. */
const confirmed = {
  phase: "delete",
  ranges: [
    {
      afterMs: null,
      untilMs: null,
      position: { after: null, tiedIds: [], tiedSeen: 0, skipped: 0, cursorIgnored: false },
      firstRank: 0,
      endRank: 0,
      seen: 0,
    },
  ],
  pages: 1,
  total: 0,
  seen: 0,
  sentinel: null,
};

const clear = `
delete from users; delete from rollcall.events; delete from rollcall.held_deletions;
delete from rollcall.deletion_candidates; delete from rollcall.runs; delete from rollcall.leases`;

/** A transaction stops before it locks the guard, and before its commit. One statement alone is a transaction too. */
const nameStop =
  (fence: string) =>
  ({ statement, before }: Sent): string | undefined => {
    if (statement === lockGuard) return "count";
    if (statement === "advance-fenced-run") return "commit";
    return statement === "commit" && before.includes(fence) ? "commit" : undefined;
  };

async function createReplica(stage: ReconcileStage): Promise<Replica & { end(): Promise<void> }> {
  const { pool, context } = stage;
  await pool.query(clear);
  await pool.query("insert into users (clerk_id) select unnest($1::text[])", [
    [...absentOfRun, ...absentOfJobs],
  ]);
  const { run } = await requestRun(context, { mode: "full", dryRun: false }, { program: "test" });
  await pool.query("update rollcall.runs set state = 'running', started_at = now(), checkpoint = $1", [
    JSON.stringify(confirmed),
  ]);
  await pool.query(
    "insert into rollcall.deletion_candidates (run_id, clerk_id, is_absent) select $1, unnest($2::text[]), true",
    [run.id, absentOfRun],
  );

  const runner = new SteppedProcess();
  const runContext = {
    ...context,
    deletionsAtOnce: 2,
    pool: stopStatements(pool, runner, nameStop("hold-lease")),
  };
  const jobs = [createJob(stage), createJob(stage)] as const;
  const of = (number: number) => (number === 0 ? jobs[0] : jobs[1]);
  /** A process that waits for the guard, and its step. */
  let waiting: { process: SteppedProcess; step: Promise<void> } | undefined;

  async function beginJob(number: number): Promise<SteppedProcess> {
    const { process, context: own } = of(number);
    const clerkId = absentOfJobs[number] ?? "";
    const job = { v: 1, kind: "refresh", clerkId, cause: "webhook", eventAtMs: 1 } as const;
    await process.begin(() => syncUser(own, job, 1));
    return process;
  }

  async function startWait(process: SteppedProcess): Promise<void> {
    waiting = { process, step: process.proceed() };
    await untilBlocked(pool);
  }

  /** If the step has released the guard, the process that waited for it goes on. */
  async function endWait({ after }: ModelStep): Promise<void> {
    if ([after["job0"], after["job1"], after["runner"]].includes(wait)) return;
    await waiting?.step;
    waiting = undefined;
  }

  /** Ends a process, and waits until the server has ended its transaction, which had a lock. */
  async function die(process: SteppedProcess, step: ModelStep, lock: string): Promise<void> {
    await process.die();
    if (!waiting) await pool.query(lock);
    await endWait(step);
  }

  const placeOf = (process: SteppedProcess, places: readonly string[]) =>
    waiting?.process === process ? wait : places.indexOf(process.at);

  return {
    steps: {
      decide: async (number) => proceedUnblocked(pool, await beginJob(number)),
      wait: async (number) => startWait(await beginJob(number)),
      commit: async (number, step) => {
        await of(number).process.proceed();
        await endWait(step);
      },
      die: (number, step) =>
        die(of(number).process, step, `begin; select pg_advisory_xact_lock(${guardKey}); commit`),
      "start-runner": async () => {
        await pool.query("update rollcall.leases set expires_at = '-infinity'");
        await runner.begin(() => runReconcile(runContext, run.id));
      },
      count: () => proceedUnblocked(pool, runner),
      "wait-to-count": () => startWait(runner),
      "commit-run": async (_, step) => {
        await runner.proceed();
        await endWait(step);
      },
      "runner-dies": (_, step) => die(runner, step, "select from rollcall.leases for update"),
      "cancel-run": async () => {
        await pool.query("update rollcall.leases set expires_at = '-infinity'");
        await cancelRun(context, run.id, "ops");
      },
    },
    observe: async () => {
      const { rows } = await pool.query(
        `select (select count(*)::int from users where deleted_at is not null and clerk_id = any ($1)) as deleted,
                (select count(*)::int from rollcall.held_deletions where clerk_id = any ($1)) as held,
                array(
                  select case when deleted_at is not null then 1 when h.clerk_id is not null then 2 else 0 end
                  from users left join rollcall.held_deletions h using (clerk_id)
                  where clerk_id = any ($2) order by clerk_id
                ) as users,
                state <> 'running' as "isOver", checkpoint
         from rollcall.runs`,
        [absentOfRun, absentOfJobs],
      );
      const { deleted, held, users, isOver, checkpoint } = rows[0];
      const { mayDelete, remaining = 0 } = checkpoint?.deletions ?? {};
      return {
        runner: placeOf(runner, runnerPlaces),
        job0: placeOf(of(0).process, jobPlaces),
        job1: placeOf(of(1).process, jobPlaces),
        over: Number(isOver),
        deleted,
        held,
        user0: users[0],
        user1: users[1],
        // A run that is over has no checkpoint.
        ...(!isOver && { remaining, closed: Number(checkpoint.phase === "close") }),
        ...(mayDelete !== undefined && !isOver && { decided: mayDelete ? 1 : 2 }),
      };
    },
    end: async () => {
      await Promise.all([runner, ...jobs.map(({ process }) => process)].map((process) => process.die()));
    },
  };
}

/** A worker that finds its user absent at Clerk, without a signed deletion. */
function createJob({ pool, context: { sessionCache } }: ReconcileStage) {
  const process = new SteppedProcess();
  const context: SyncContext = {
    pool: stopStatements(pool, process, nameStop(lockGuard)),
    readRow: createRowReader(pool),
    readUser: async () => ({ result: { absent: true }, readSequence: 1 }),
    readDeleted: () => Promise.reject(new Error("No job of the model is a deletion")),
    writeUser: createUserWriter(pool, testDefaults),
    sessionCache,
    autoCreate: true,
  };
  return { process, context };
}

testModel({
  model: "deletion-guard",
  bugs: ["COUNT_PER_PAGE", "WITHOUT_REMAINING", "WITHOUT_LOCK"],
  situation: ["runner", "part", "guard", "job0", "job1"],
  open: async () => {
    const stage = await openReconcileStage(inject("postgresUrl"));
    return { create: () => createReplica(stage), close: stage.close };
  },
});
