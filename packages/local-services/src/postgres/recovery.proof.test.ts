import { spawn } from "node:child_process";
import { readFile, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { isAlive, isPostmasterOf } from "./process-identity.ts";
import { startPostgres } from "./start-postgres.ts";
import { startTemporaryPostgres } from "./start-temporary-postgres.ts";
import { killHard, makeScratch, query, startElsewhere } from "./testing.ts";

let folder: string;
let dataDir: string;
let clear: () => Promise<void>;

beforeEach(async () => {
  ({ folder, clear } = await makeScratch());
  dataDir = join(folder, "cluster");
});
afterEach(() => clear());

/** A stopped cluster with one row in it. */
async function makeCluster(): Promise<void> {
  const server = await startPostgres({ dataDir });
  await query(server.url, "create table kept as select 1 as id");
  await server.stop();
}

describe("after a kill -9", () => {
  test("of the process that started it, the server keeps running and the next start adopts it", async () => {
    const { server, starter } = await startElsewhere({ folder, options: { dataDir } });
    await query(server.url, "create table kept as select 1 as id");
    await killHard(starter);
    expect(await isPostmasterOf(server.pid, dataDir)).toBe(true);

    const adopted = await startPostgres({ dataDir });
    expect(adopted.pid).toBe(server.pid);
    expect(await query(adopted.url, "select id from kept")).toEqual([{ id: 1 }]);
    await adopted.stop();
    expect(await isPostmasterOf(server.pid, dataDir)).toBe(false);
  });

  test("of the server, committed rows are there again", async () => {
    const server = await startPostgres({ dataDir });
    await query(server.url, "create table kept as select 1 as id");
    process.kill(server.pid, "SIGKILL");
    const again = await startPostgres({ dataDir });
    expect(again.pid).not.toBe(server.pid);
    expect(await query(again.url, "select id from kept")).toEqual([{ id: 1 }]);
  });

  test("of the process of a temporary cluster, the next temporary cluster removes it", async () => {
    // A real orphan: a cluster under a name that holds the pid of a process that is gone.
    const gone = spawn(process.execPath, ["--version"], { cwd: tmpdir() });
    await new Promise((resolve) => gone.once("exit", resolve));
    const orphaned = join(folder, "..", `rollcall-postgres-${gone.pid}-orphan`);
    const orphan = await startPostgres({ dataDir: join(orphaned, "data"), sync: false });
    const next = await startTemporaryPostgres();
    expect(await isPostmasterOf(orphan.pid, orphan.dataDir)).toBe(false);
    await expect(stat(orphaned)).rejects.toThrow("ENOENT");
    await next.stop();
    await expect(stat(next.dataDir)).rejects.toThrow("ENOENT");
  });
});

describe("a stale postmaster.pid", () => {
  test("that names a live process of another program does no harm, and the process lives on", async () => {
    await makeCluster();
    const bystander = spawn("sleep", ["600"], { cwd: tmpdir() });
    await writeFile(
      join(dataDir, "postmaster.pid"),
      `${bystander.pid}\n${dataDir}\n1\n5432\n\n127.0.0.1\n\nready\n`,
    );
    const server = await startPostgres({ dataDir });
    expect(await query(server.url, "select id from kept")).toEqual([{ id: 1 }]);
    expect(isAlive(bystander.pid ?? 0)).toBe(true);
    await killHard(bystander);
  });

  test("that names the live server of another cluster does no harm, and that server lives on", async () => {
    await makeCluster();
    const other = await startPostgres({ dataDir: join(folder, "other") });
    const file = await readFile(join(other.dataDir, "postmaster.pid"), "utf8");
    await writeFile(join(dataDir, "postmaster.pid"), file);
    const server = await startPostgres({ dataDir });
    expect(server.pid).not.toBe(other.pid);
    expect(await query(server.url, "select id from kept")).toEqual([{ id: 1 }]);
    expect(await query(other.url, "select 1 as one")).toEqual([{ one: 1 }]);
  });

  test("that a full disk left empty does no harm", async () => {
    await makeCluster();
    await writeFile(join(dataDir, "postmaster.pid"), "");
    await utimes(join(dataDir, "postmaster.pid"), 0, 0);
    const server = await startPostgres({ dataDir });
    expect(await query(server.url, "select id from kept")).toEqual([{ id: 1 }]);
  });
});
