import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { PgBoss } from "pg-boss";
import type { SyncQueue } from "../../stage/sync-queue.ts";

export const peers = ["graphile-worker", "pg-boss"] as const;

export type Peer = (typeof peers)[number];

/** How a program adds jobs to another queue on Postgres, and sees that all are done. Users are merged by its own key. */
type PeerTables = {
  add(client: pg.Client, clerkIds: readonly string[]): Promise<unknown>;
  isBusy: string;
  close(): Promise<void>;
};

const drainTimeoutMs = 120_000;
const pollMs = 10;

/** The queue of a peer whose worker runs. Jobs are invisible to it until `drain` commits them. */
export async function openPeerQueue(
  peer: Peer,
  databaseUrl: string,
): Promise<Pick<SyncQueue, "fill" | "drain" | "close">> {
  const tables = await (peer === "pg-boss" ? openPgBoss(databaseUrl) : graphileWorker);
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  return {
    fill: async (clerkIds) => {
      await client.query("begin");
      await tables.add(client, clerkIds);
    },
    drain: async () => {
      await client.query("commit");
      const untilMs = Date.now() + drainTimeoutMs;
      while ((await client.query<{ busy: boolean }>(tables.isBusy)).rows[0]?.busy) {
        if (Date.now() > untilMs) throw new Error(`${peer} was not done after ${drainTimeoutMs} ms`);
        await sleep(pollMs);
      }
    },
    close: async () => {
      await tables.close();
      await client.end();
    },
  };
}

const graphileWorker: PeerTables = {
  add: (client, clerkIds) =>
    client.query(
      `select count(*) from graphile_worker.add_jobs(array(
         select row('sync', json_build_object('clerkId', id), null, null, null, id, null, null)::graphile_worker.job_spec
         from unnest($1::text[]) as id
       ))`,
      [clerkIds],
    ),
  // It deletes a job that is done.
  isBusy: "select exists (select from graphile_worker._private_jobs) as busy",
  close: async () => undefined,
};

async function openPgBoss(databaseUrl: string): Promise<PeerTables> {
  const boss = new PgBoss({ connectionString: databaseUrl, max: 2, supervise: false, schedule: false });
  boss.on("error", () => undefined);
  await boss.start();
  return {
    add: (client, clerkIds) =>
      boss.insert(
        "sync",
        clerkIds.map((clerkId) => ({ data: { clerkId }, singletonKey: clerkId })),
        { db: { executeSql: (text, values) => client.query(text, values) } },
      ),
    isBusy: "select exists (select from pgboss.job where name = 'sync' and state < 'completed') as busy",
    close: () => boss.stop(),
  };
}
