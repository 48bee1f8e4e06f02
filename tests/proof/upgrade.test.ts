import { readdir } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { callAdmin, listAll } from "../harness/admin.ts";
import { describeOnBackends } from "../harness/backends.ts";
import { readQueueCounts, untilDeadLetter, untilProfile } from "../harness/calls.ts";
import { findInequalities } from "../harness/clerk-equality.ts";
import { type Fleet, startFleet } from "../harness/fleet.ts";
import { migrate } from "../harness/migrate.ts";
import { readFullSyncs, requestFullSync, untilFullSyncEnded } from "../harness/runs.ts";
import { type System, startSystem } from "../harness/system.ts";
import { expectNothingLost, startTraffic } from "../harness/traffic.ts";
import { waitFor } from "../harness/wait-for.ts";
import { type EarlierBuild, unpackEarlierBuild } from "./upgrade/earlier-build.ts";

const migrationsFolder = new URL("../../packages/db/migrations/", import.meta.url);

/** Ids of the present version's migrations, oldest first. */
async function listMigrations(): Promise<string[]> {
  const files = await readdir(migrationsFolder);
  return files.flatMap((file) => (file.endsWith(".up.sql") ? [file.slice(0, -".up.sql".length)] : [])).sort();
}

let earlier: EarlierBuild;
beforeAll(async () => {
  earlier = await unpackEarlierBuild();
});
afterAll(() => earlier?.remove());

describeOnBackends((backend) => {
  let single: System;
  let fleet: Fleet;
  /** Users whose work the earlier version did not finish. */
  let unfinished: string[];
  /** The user of the dead letter. */
  let deadId: string;
  let conflict: { id: number; clerkId: string };

  beforeAll(async () => {
    single = await startSystem({
      backend,
      root: earlier.root,
      ownTables: true,
      // Nothing scheduled does the work of a job that the upgrade lost.
      environment: { RECONCILE_CATCHUP_EVERY_MS: "86400000" },
    });
    await untilFullSyncEnded(single);
    await leaveWorkUnfinished();
  });
  afterAll(async () => {
    await fleet?.stop();
    await single?.stop();
  });

  /** The earlier version dies with jobs in each state, a run half done, a dead letter and an open conflict. */
  async function leaveWorkUnfinished(): Promise<void> {
    const { clerk, db } = single;
    await clerk.users.seed(1_200);
    const email = "twice@example.com";
    await db.query("insert into mentorados (nome_completo, email) values ('one', $1), ('two', $1)", [email]);
    const { id: clerkId } = await clerk.users.create({ email });
    await untilProfile(single, clerkId);
    conflict = { id: (await listAll<{ id: number }>(single, "/api/admin/conflicts"))[0]?.id ?? 0, clerkId };

    const [dead, retried, stuck] = await Promise.all(
      ["Dead", "Retried", "Stuck"].map((firstName) => clerk.users.create({ firstName }, { silent: true })),
    );
    if (!dead || !retried || !stuck) throw new Error("The simulator made no user");
    const touch = ({ id }: { id: string }) => clerk.users.update(id, { lastName: String(Math.random()) });
    await clerk.faults.add({ kind: "status", status: 500, forUser: dead.id });
    await clerk.faults.add({ kind: "status", status: 500, forUser: retried.id });
    await clerk.faults.add({ kind: "hang", forUser: stuck.id });
    await clerk.faults.add({ kind: "latency", ms: 1_000, path: "/v1/users" });
    await touch(dead);
    await untilDeadLetter(single, dead.id);
    await waitFor(
      "a worker that is frozen with a run half done, and with an active and a delayed job",
      async () => {
        const { active, delayed } = await readQueueCounts(single, "sync");
        const run = (await readFullSyncs(single)).at(-1);
        if (run?.state === "running" && run.pages > 0 && active > 0 && delayed > 0) return freezeIfStill();
        if (run?.state !== "running" && run?.state !== "waiting") await requestFullSync(single);
        if (delayed === 0) await touch(retried);
        if (active === 0) await touch(stuck);
        return undefined;
      },
    );
    await single.worker.stop("SIGKILL");
    const waiting = await clerk.users.create();
    await waitFor("a job to wait", async () =>
      (await readQueueCounts(single, "sync")).waiting > 0 ? true : undefined,
    );
    await clerk.faults.heal();
    unfinished = [waiting.id, retried.id, stuck.id];
    deadId = dead.id;
  }

  /** The worker's state may have changed since it was read. */
  async function freezeIfStill(): Promise<true | undefined> {
    single.worker.child.kill("SIGSTOP");
    const { active, delayed } = await readQueueCounts(single, "sync");
    const run = (await readFullSyncs(single)).at(-1);
    if (run?.state === "running" && run.pages > 0 && active > 0 && delayed > 0) return true;
    single.worker.child.kill("SIGCONT");
    return undefined;
  }

  const listConflicts = () => listAll(fleet.system, "/api/admin/conflicts");

  /** @returns the users of all dead letters */
  async function replayAll(): Promise<string[]> {
    const letters = await listAll<{ id: string; clerkId: string }>(fleet.system, "/api/admin/dead-letters");
    const body = { ids: letters.map(({ id }) => id) };
    const answer = await callAdmin(fleet.system, "/api/admin/dead-letters/replay", { method: "POST", body });
    expect(answer.status).toBe(200);
    return letters.map(({ clerkId }) => clerkId);
  }

  /** The newest migration, whichever it is, leaves and comes back below running processes. */
  async function newestDownAndUp(): Promise<void> {
    const newest = (await listMigrations()).at(-1) ?? "";
    expect(await migrateTo(["--down"])).toContain(`Reverted ${newest}`);
    expect(await migrateTo()).toContain(`Applied ${newest}`);
  }

  const migrateTo = (args: string[] = []) => migrate(single.migrationEnvironment, args);

  /** Migrations that the earlier version lacks, newest first. */
  async function listNewer(): Promise<string[]> {
    const ids = await listMigrations();
    expect(ids.slice(0, earlier.migrations.length)).toEqual(earlier.migrations);
    return ids.slice(earlier.migrations.length).reverse();
  }

  test("what an earlier version left goes up under load, with both versions side by side", async () => {
    const output = await migrateTo();
    for (const id of await listNewer()) expect(output).toContain(id);
    fleet = await startFleet(single, [earlier.root, ""]);
    const traffic = startTraffic(fleet.system);
    for (const clerkId of unfinished) await untilProfile(single, clerkId, 60_000);
    expect(await untilFullSyncEnded(single)).toMatchObject({
      ...{ state: "succeeded", seen: expect.any(Number), attempts: expect.any(Number) },
      counts: { deleted: 0, failed: 0 },
    });
    await fleet.replace("worker", 0);
    await fleet.replace("api", 0);
    expect(await replayAll()).toContain(deadId);
    await untilProfile(single, deadId, 60_000);
    expect(await listConflicts()).toMatchObject([{ id: conflict.id, clerkId: conflict.clerkId }]);
    await newestDownAndUp();
    await expectNothingLost(single, traffic);
  });

  test("it goes down again under load", async () => {
    const traffic = startTraffic(fleet.system);
    // Apis first, so that no worker of the earlier version gets a job that it cannot read.
    for (const kind of ["api", "worker"] as const)
      for (const index of [0, 1]) await fleet.replace(kind, index, { root: earlier.root });
    for (const id of await listNewer()) expect(await migrateTo(["--down"])).toContain(id);
    await expectNothingLost(single, traffic);
    expect(await listConflicts()).toMatchObject([{ id: conflict.id }]);
    await waitFor("rows to equal Clerk", async () =>
      (await findInequalities(single)).length === 0 ? true : undefined,
    );
  });
});
