import { setTimeout as sleep } from "node:timers/promises";
import { addReconcile, openProducer } from "@rollcall/jobs";
import { openQueueBackend } from "@rollcall/runtime";
import pg from "pg";
import { releaseReconcileLeases } from "./reconcile-leases.ts";
import type { Stage } from "./stage.ts";

/** Requests full syncs from the worker of a stage. */
export type FullSyncs = {
  /** Runs a full sync. @returns milliseconds @throws Error unless it succeeds and sees this number of users */
  run(users: number): Promise<number>;
  /** Deletes all rows, as before the first fill. */
  emptyTables(): Promise<void>;
  close(): Promise<void>;
};

const deadlineMs = 10_000;
const fullSyncTimeoutMs = 900_000;
const pollMs = 10;

const request =
  "insert into rollcall.runs (mode, dry_run, started_by) values ('full', false, 'bench') returning id";
const open = "select from rollcall.runs where state in ('waiting', 'running') limit 1";
const result = "select state, seen, reason from rollcall.runs where id = $1";
const empty = `
truncate public.users, public.mentorados, rollcall.events, rollcall.conflicts, rollcall.deletion_candidates restart identity cascade
`;

/** The ids of events begin anew, and so do their counts. */
const emptyCounts = `
with none as (delete from rollcall.activity_counts)
update rollcall.activity_progress set counted_to = 0, installed_event = 0
`;

/** Lets the worker reconcile, and waits for the end of the full sync after a first boot. */
export async function openFullSyncs({ backend, databaseUrl, redisUrl }: Stage): Promise<FullSyncs> {
  const db = new pg.Pool({ connectionString: databaseUrl, max: 2 });
  db.on("error", () => undefined);
  const queues = openQueueBackend({
    redisNodes: backend === "redis" ? [redisUrl] : undefined,
    databaseUrl,
    onError: () => undefined,
  });
  const producer = openProducer(queues, "reconcile");
  await producer.connected(deadlineMs);
  await releaseReconcileLeases(databaseUrl);

  const until = async (event: string, hasHappened: () => Promise<boolean>) => {
    const untilMs = Date.now() + fullSyncTimeoutMs;
    while (!(await hasHappened())) {
      if (Date.now() > untilMs) throw new Error(`Waited ${fullSyncTimeoutMs} ms for ${event}`);
      await sleep(pollMs);
    }
  };
  await until("the first boot's full sync", async () => {
    const { rows } = await db.query(
      "select from rollcall.runs where mode = 'full' and finished_at is not null",
    );
    return rows.length > 0 && (await db.query(open)).rows.length === 0;
  });

  return {
    run: async (users) => {
      const startedAtMs = performance.now();
      const { rows } = await db.query<{ id: number }>(request);
      const runId = Number(rows[0]?.id);
      await addReconcile(producer, { v: 1, mode: "full", runId }, deadlineMs);
      await until("a full sync", async () => {
        const [run] = (await db.query(result, [runId])).rows;
        if (run?.state === "waiting" || run?.state === "running") return false;
        if (run?.state === "succeeded" && run.seen === users) return true;
        throw new Error(`A full sync ended as ${run?.state} after ${run?.seen} users: ${run?.reason}`);
      });
      return performance.now() - startedAtMs;
    },
    emptyTables: async () => {
      await db.query(empty);
      await db.query(emptyCounts);
    },
    close: async () => {
      await producer.close();
      await Promise.all([queues.close(), db.end()]);
    },
  };
}
