import { type ReconcileContext, requestRun, runReconcile } from "@rollcall/sync";
import { inject } from "vitest";
import { openReconcileStage, type ReconcileStage } from "./reconcile-stage.ts";
import type { Replica } from "./replay.ts";
import { SteppedProcess } from "./stepped-process.ts";
import { proceedUnblocked, type Sent, stopStatements, untilBlocked } from "./stop-statements.ts";
import { testModel } from "./test-model.ts";

/** Places of the model, by the statement before which a process stops. */
const places = ["idle", "take-run", "hold", "commit", "release", "acquire"];
/** The lease's owner in the model, when it is no process at work. */
const former = 3;

function nameStop({ statement, before }: Sent): string | undefined {
  if (/^\s*insert into rollcall\.leases/.test(statement)) return "acquire";
  if (/^\s*with before as materialized \(select id, started_at from rollcall\.runs/.test(statement))
    return "take-run";
  if (statement === "hold-lease" || statement === "advance-fenced-run") return "hold";
  if (statement === "commit" && before.includes("hold-lease")) return "commit";
  if (/^update rollcall\.leases set expires_at = now\(\)/.test(statement)) return "release";
  return undefined;
}

/** One process of the product that works on runs. */
type Runner = {
  process: SteppedProcess;
  context: ReconcileContext;
  /** Of its last lease. */
  token: unknown;
  /** Its next transaction takes longer than the lease. */
  isSlow: boolean;
  /** It waits for the lease's row until another transaction ends. */
  waiting: Promise<void> | undefined;
};

function createRunner(context: ReconcileContext): Runner {
  const process = new SteppedProcess();
  const runner: Runner = { process, context, token: undefined, isSlow: false, waiting: undefined };
  const pool = stopStatements(context.pool, process, nameStop, (statement, values = []) => {
    const [name, token, ttlMs, ...others] = values;
    if (/^\s*insert into rollcall\.leases/.test(statement)) runner.token = token;
    // The lease then ends with the transaction's first moment.
    return statement === "hold-lease" ? [name, token, runner.isSlow ? 0 : ttlMs, ...others] : [...values];
  });
  runner.context = { ...context, pool };
  return runner;
}

async function createReplica({ pool, context }: ReconcileStage): Promise<Replica & { end(): Promise<void> }> {
  await pool.query(
    "truncate rollcall.leases, rollcall.runs cascade; update rollcall.catch_up set watermark_ms = null",
  );
  const requested = await requestRun(context, { mode: "catch-up", dryRun: false }, { program: "test" });
  const runners = [createRunner(context), createRunner(context)] as const;
  const of = (number: number) => (number === 0 ? runners[0] : runners[1]);

  /** No step of the model waits for a lock, but those that `wait` begins. */
  const proceed = (number: number) => proceedUnblocked(pool, of(number).process);

  async function begin(number: number): Promise<SteppedProcess> {
    const { process, context: own } = of(number);
    await process.begin(() => runReconcile(own, requested.run.id));
    return process;
  }

  /** The row of the lease is free again, so the other process goes on. */
  async function endWait(number: number): Promise<void> {
    const other = of(1 - number);
    await other.waiting;
    other.waiting = undefined;
  }

  return {
    steps: {
      acquire: async (number) => {
        await begin(number);
        await proceed(number);
      },
      wait: async (number) => {
        of(number).waiting = (await begin(number)).proceed();
        await untilBlocked(pool);
      },
      "take-run": proceed,
      hold: proceed,
      "store-page": proceed,
      "hold-too-long": async (number) => {
        of(number).isSlow = true;
        await proceed(number);
        of(number).isSlow = false;
      },
      commit: async (number) => {
        await of(number).process.proceed();
        await endWait(number);
      },
      release: proceed,
      die: async (number) => {
        const { process } = of(number);
        const hadTransaction = process.at === "commit";
        await process.die();
        // The server ends the transaction of a closed connection a moment later.
        if (hadTransaction) await pool.query("select from rollcall.leases for update");
        await endWait(number);
      },
      expire: async () => {
        await pool.query(
          `update rollcall.leases set expires_at = '-infinity'
           where name in (select name from rollcall.leases where name = 'catch-up' for update nowait)`,
        );
      },
    },
    observe: async () => {
      const { rows } = await pool.query(
        `select r.pages, r.state <> 'waiting' and r.state <> 'running' as "isOver", l.token,
                coalesce(l.expires_at > now(), false) as "isValid",
                (select watermark_ms is not null from rollcall.catch_up) as "hasWatermark"
         from rollcall.runs r left join rollcall.leases l on l.name = 'catch-up'`,
      );
      const { pages, isOver, token, isValid, hasWatermark } = rows[0];
      if (isOver !== hasWatermark) throw new Error("The watermark does not come with the end of the run");
      const owner = runners.findIndex((one) => one.token === token && one.process.at !== "idle");
      return {
        lease: token === null ? 0 : owner === -1 ? former : 1 + owner,
        valid: Number(isValid),
        pages,
        over: Number(isOver),
        place0: places.indexOf(of(0).process.at),
        place1: places.indexOf(of(1).process.at),
      };
    },
    end: async () => {
      // A transaction that another one waits for must end first.
      await Promise.all(runners.map(({ process }) => process.die()));
    },
  };
}

testModel({
  model: "leases",
  bugs: ["WITHOUT_FENCE", "FENCE_WITHOUT_LOCK"],
  situation: ["lease", "place0", "place1"],
  open: async () => {
    const stage = await openReconcileStage(inject("postgresUrl"));
    await stage.clerk.users.seed(1);
    await runReconcile(
      stage.context,
      (await requestRun(stage.context, { mode: "full", dryRun: false }, { program: "test" })).run.id,
    );
    return { create: () => createReplica(stage), close: stage.close };
  },
});
