import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Cluster, migrateDatabase, startCluster, withClient } from "../../lab/stage/postgres.ts";
import { takeReconcileLeases } from "../../lab/stage/reconcile-leases.ts";
import { repository } from "../../lab/stage/repository.ts";
import { callAdmin } from "../harness/admin.ts";
import { describeOnRedis } from "../harness/backends.ts";
import { ensure, ensureAgain, readRows, untilIdle } from "../harness/calls.ts";
import { type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

/** Slack for a busy machine. */
const recoveryMs = 100_000;

describeOnRedis("Postgres fails over to an asynchronous replica that lacks the last transactions", () => {
  let cluster: Cluster;
  let databaseUrl: string;
  let system: System;
  let stopSystem: System["stop"];
  let db: pg.Pool;

  beforeAll(async () => {
    cluster = await startCluster(async (url) => {
      await migrateDatabase(repository, url);
      await takeReconcileLeases(url);
    });
    await cluster.replicate("async");
    databaseUrl = await cluster.createDatabase();
    system = await startSystem({ backend: "redis", environment: { DATABASE_URL: databaseUrl } });
    db = new pg.Pool({ connectionString: databaseUrl, max: 4 });
    db.on("error", () => undefined);
    // The system's own Postgres has no replica, and is not used.
    stopSystem = system.stop;
    system = { ...system, db };
  });
  afterAll(async () => {
    await stopSystem?.();
    await db?.end();
    await cluster?.stop();
  });

  /** Runs `lost` on a primary whose replica gets nothing any more, then kills it and promotes the replica. */
  async function failOverAfter(lost: (primaryUrl: string) => Promise<void>): Promise<void> {
    let isLost = false;
    const observe = async (serverUrl: string) => {
      if (isLost) return;
      isLost = true;
      const url = new URL(serverUrl);
      url.pathname = new URL(databaseUrl).pathname;
      await lost(url.href);
    };
    await cluster.failOver({ lostMs: 0, readOnlyMs: 0, observe });
  }

  function readKey(answer: Awaited<ReturnType<typeof ensure>>): unknown {
    return (answer.body as { user?: { id: unknown } }).user?.id;
  }

  test("the session cache does not answer with a row that was lost, whose key another user has got", async () => {
    const lost = await system.clerk.users.create({}, { silent: true });
    let lostKey: unknown;
    await failOverAfter(async () => {
      // The database's first user, so that its key is drawn again. The second answer fills the cache, the third is from it.
      for (let call = 1; call <= 3; call += 1) lostKey = readKey(await ensureAgain(system, lost.id));
      // A job that runs again would make the row anew.
      await untilIdle(system, "ensure");
    });
    const other = await system.clerk.users.create({}, { silent: true });
    const answer = () =>
      waitFor(
        "an answer",
        async () => {
          const given = await ensure(system, other.id);
          return given.status === 200 ? given : undefined;
        },
        recoveryMs,
      );
    expect(readKey(await answer())).toBe(lostKey);

    const own = await waitFor(
      "an answer with a row that exists",
      async () => {
        const given = await ensure(system, lost.id);
        return given.status === 200 && readKey(given) !== lostKey ? given : undefined;
      },
      recoveryMs,
    );
    for (const [id, key] of [
      [lost.id, readKey(own)],
      [other.id, lostKey],
    ] as const) {
      const { users, mentorados } = await readRows(system, id);
      expect(users).toEqual([expect.objectContaining({ id: key })]);
      expect(mentorados).toEqual([expect.objectContaining({ user_id: key })]);
    }
  });

  test("an incremental sync whose page was lost begins anew, and its watermark is not ahead of the rows", async () => {
    const { clerk } = system;
    // A whole page, so that the number of users is asked for only after it is written.
    await clerk.users.seed(500);
    const changed = await clerk.users.create({}, { silent: true });
    const list = await clerk.faults.add({ kind: "status", method: "GET", path: "/v1/users" });
    const count = await clerk.faults.add({ kind: "status", method: "GET", path: "/v1/users/count" });
    await db.query("update rollcall.leases set expires_at = now() where name = 'catch-up'");
    const { body } = await callAdmin(system, "/api/admin/reconcile", {
      method: "POST",
      body: { mode: "catch-up", dryRun: false },
    });
    const { runId } = body as { runId: number };
    const read = async (url: string) =>
      withClient(url, async (client) => {
        const { rows } = await client.query("select state, pages from rollcall.runs where id = $1", [runId]);
        return rows[0] as { state: string; pages: number } | undefined;
      });
    await waitFor("the run to start", async () =>
      (await read(databaseUrl))?.state === "running" ? true : undefined,
    );
    await failOverAfter(async (primaryUrl) => {
      await clerk.faults.remove(list);
      await waitFor("the page", async () => ((await read(primaryUrl))?.pages === 1 ? true : undefined));
    });
    expect(await read(databaseUrl)).toMatchObject({ state: "running", pages: 0 });
    expect((await readRows(system, changed.id)).users).toEqual([]);
    await clerk.faults.remove(count);
    await waitFor(
      "the run to end",
      async () => ((await read(databaseUrl))?.state === "succeeded" ? true : undefined),
      recoveryMs,
    );
    expect((await readRows(system, changed.id)).users).toHaveLength(1);
  });
});
