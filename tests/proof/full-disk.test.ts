import { type PostgresServer, type RedisServer, startPostgres, startRedis } from "@rollcall/local-services";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { type Backend, describeOnBackends } from "../harness/backends.ts";
import { ensure, ensureAgain, postWebhook, readDeadLetters } from "../harness/calls.ts";
import { copyCluster } from "../harness/cluster-template.ts";
import { canMountSmallDisk, mountSmallDisk, type SmallDisk } from "../harness/small-disk.ts";
import { type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

/** Slack for a busy machine. */
const recoveryMs = 100_000;
/** New rows need more room than the pages of the tables have. */
const newcomers = 100;

const mayMount = canMountSmallDisk();

describe.skipIf(!mayMount)(`a full disk${mayMount ? "" : " (skipped: only root may mount one)"}`, () => {
  describeOnBackends((backend) => {
    let disk: SmallDisk;
    let redisDisk: SmallDisk | undefined;
    let postgres: PostgresServer;
    let redis: RedisServer | undefined;
    let system: System;
    let stopSystem: System["stop"];
    let db: pg.Pool;

    const startDatabase = (port?: number) =>
      startPostgres({
        dataDir: `${disk.folder}/postgres`,
        settings: { fsync: "off", max_connections: "200", max_wal_size: "48MB", min_wal_size: "32MB" },
        ...(port === undefined ? {} : { port }),
      });
    beforeAll(async () => {
      disk = mountSmallDisk(256);
      await copyCluster(inject("clusterTemplate") ?? "", `${disk.folder}/postgres`);
      postgres = await startDatabase();
      db = new pg.Pool({ connectionString: postgres.url, max: 4 });
      db.on("error", () => undefined);
      await holdReconcile(db);
      redis = await startQueues(backend);
      const environment = { DATABASE_URL: postgres.url, REDIS_URL: redis?.url ?? "" };
      // Its own Postgres is not used.
      const started = await startSystem({ backend: "postgres", environment });
      stopSystem = started.stop;
      system = { ...started, db, postgres, redis };
    });
    afterAll(async () => {
      await stopSystem?.();
      await db?.end();
      await redis?.stop();
      await postgres?.stop("immediate");
      disk?.remove();
      redisDisk?.remove();
    });

    async function startQueues(kind: Backend): Promise<RedisServer | undefined> {
      if (kind === "postgres") return undefined;
      const settings = { appendonly: "yes" };
      redisDisk = mountSmallDisk(16);
      return startRedis({ binary: inject("redisBinary") ?? "", dir: redisDisk.folder, settings });
    }

    const post = async (id: string) =>
      (await postWebhook(system, JSON.stringify({ type: "user.created", data: { id } }))).status;

    type Full = {
      disk: SmallDisk | undefined;
      /** Whether the effect of the full disk is seen. */
      isFelt: () => Promise<boolean>;
      makeRoom: () => Promise<void>;
    };

    /** Users sign up while a disk is full. Then there is room again. */
    async function signUpWhileFull({ disk: full, isFelt, makeRoom }: Full) {
      const known = await system.clerk.users.create({}, { silent: true });
      expect((await ensureAgain(system, known.id)).status).toBe(200);
      const people = await Promise.all(
        Array.from({ length: newcomers }, () => system.clerk.users.create({}, { silent: true })),
      );
      await full?.fill();
      const statuses = await Promise.all(people.map(({ id }) => post(id)));
      expect(statuses.filter((status) => status !== 200 && status !== 503)).toEqual([]);
      await waitFor("an effect", async () => ((await isFelt()) ? true : undefined));
      expect([200, 503]).toContain((await ensure(system, known.id)).status);

      await makeRoom();
      const refused = people.filter((_, index) => statuses[index] === 503);
      for (const { id } of refused)
        await waitFor(
          "a webhook to be accepted",
          async () => ((await post(id)) === 200 ? true : undefined),
          recoveryMs,
        );
      const ids = people.map(({ id }) => id);
      await waitFor(
        "all rows",
        async () => ((await countProfiles(ids)) === newcomers ? true : undefined),
        recoveryMs,
      );
      expect(await readDeadLetters(system)).toEqual([]);
      expect([system.api.child.exitCode, system.worker.child.exitCode]).toEqual([null, null]);
      return { refused: refused.length };
    }

    /** Any statement that needs room fails: with its own error, or because the server died of it. */
    async function isPostgresFull(): Promise<boolean> {
      return db.query("create temporary table large as select n from generate_series(1, 100000) n").then(
        () => false,
        () => backend === "postgres" || system.worker.output().includes('"outage_began"'),
      );
    }

    async function countProfiles(clerkIds: readonly string[]): Promise<number> {
      const { rows } = await db.query(
        "select count(*)::int as count from mentorados m join users u on u.id = m.user_id where u.clerk_id = any ($1)",
        [clerkIds],
      );
      return rows[0]?.count;
    }

    test("under Postgres costs no accepted webhook, no attempt and no login, and ends when there is room", async () => {
      const { refused } = await signUpWhileFull({
        disk,
        isFelt: isPostgresFull,
        makeRoom: async () => {
          await disk.free();
          // A crash for want of room may need a person to start the server again.
          postgres = await startDatabase(postgres.port);
        },
      });
      if (backend === "redis") expect(refused).toBe(0);
    });

    test.skipIf(backend === "postgres")("under Redis' append-only file, the same", async () => {
      const { refused } = await signUpWhileFull({
        disk: redisDisk,
        isFelt: async () =>
          (await (await fetch(`${system.apiUrl}/readyz`)).text()).includes('"degraded":["queue"]'),
        makeRoom: async () => redisDisk?.free(),
      });
      expect(refused).toBeGreaterThan(0);
    });
  });
});

/** Takes the leases of both modes, so that jobs alone make the rows. */
async function holdReconcile(db: pg.Pool): Promise<void> {
  await db.query(`
    insert into rollcall.leases (name, token, expires_at)
    values ('full', gen_random_uuid(), 'infinity'), ('catch-up', gen_random_uuid(), 'infinity')`);
}
