import { setTimeout as sleep } from "node:timers/promises";
import { addReconcile, openProducer, openQueueBackend } from "@rollcall/jobs";
import pg from "pg";
import { releaseReconcile } from "../../chaos/stage/hold-reconcile.ts";
import type { Stage } from "../stage/stage.ts";

/** Orders sweeps of the worker that runs on a stage. */
export type Sweeps = {
  /** A full run now. @returns milliseconds, when it succeeded and saw so many users */
  run(users: number): Promise<number>;
  /** As before the first fill. */
  emptyTables(): Promise<void>;
  close(): Promise<void>;
};

const deadlineMs = 10_000;
const sweepTimeoutMs = 900_000;
const pollMs = 10;

const order =
  "insert into rollcall.runs (mode, dry_run, started_by) values ('full', false, 'bench') returning id";
const open = "select from rollcall.runs where state in ('waiting', 'running') limit 1";
const result = "select state, seen, reason from rollcall.runs where id = $1";
const empty = `
truncate public.users, public.mentorados, rollcall.events, rollcall.conflicts, rollcall.deletion_candidates restart identity cascade
`;

/** Lets the worker reconcile, and waits until what it does after a first boot is over. */
export async function openFullSync({ backend, databaseUrl, redisUrl }: Stage): Promise<Sweeps> {
  const db = new pg.Pool({ connectionString: databaseUrl, max: 2 });
  db.on("error", () => undefined);
  const queues = openQueueBackend({
    redisNodes: backend === "redis" ? [redisUrl] : undefined,
    databaseUrl,
    onError: () => undefined,
  });
  const producer = openProducer(queues, "reconcile");
  await producer.connected(deadlineMs);
  await releaseReconcile(databaseUrl);

  const until = async (what: string, isSo: () => Promise<boolean>) => {
    const untilMs = Date.now() + sweepTimeoutMs;
    while (!(await isSo())) {
      if (Date.now() > untilMs) throw new Error(`Waited too long for ${what}`);
      await sleep(pollMs);
    }
  };
  await until("the first boot's sweep", async () => {
    const { rows } = await db.query(
      "select from rollcall.runs where mode = 'full' and finished_at is not null",
    );
    return rows.length > 0 && (await db.query(open)).rows.length === 0;
  });

  return {
    run: async (users) => {
      const startedAtMs = performance.now();
      const { rows } = await db.query<{ id: number }>(order);
      const runId = Number(rows[0]?.id);
      await addReconcile(producer, { v: 1, mode: "full", runId }, deadlineMs);
      await until("a sweep", async () => {
        const [run] = (await db.query(result, [runId])).rows;
        if (run?.state === "waiting" || run?.state === "running") return false;
        if (run?.state === "succeeded" && run.seen === users) return true;
        throw new Error(`A sweep ended as ${run?.state} after ${run?.seen} users: ${run?.reason}`);
      });
      return performance.now() - startedAtMs;
    },
    emptyTables: async () => {
      await db.query(empty);
    },
    close: async () => {
      await producer.close();
      await Promise.all([queues.close(), db.end()]);
    },
  };
}
