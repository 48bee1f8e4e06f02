import { spawnSync } from "node:child_process";
import { chmod, chown, mkdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findTools, type Tools } from "./runtime.ts";
import { startPostgres } from "./start-postgres.ts";
import { killHard, makeScratch, query, startElsewhere } from "./testing.ts";

const isRoot = process.getuid?.() === 0;
const tools = findTools();
/** "daemon" on Linux and macOS alike. */
const ordinary = { uid: 1, gid: 1 };
/** A user id as containers assign it, without an entry in /etc/passwd. */
const nameless = { uid: 12_345, gid: 12_345 };
const here = fileURLToPath(import.meta.url);
const readableByAll =
  isRoot && spawnSync("/usr/bin/test", ["-r", here], { ...ordinary, cwd: "/" }).status === 0;

let folder: string;
let clear: () => Promise<void>;

beforeEach(async () => {
  ({ folder, clear } = await makeScratch());
});
afterEach(() => clear());

function skipNote(condition: boolean, reason: string): string {
  return condition ? "" : ` (skipped: ${reason})`;
}

describe.skipIf(!isRoot)(`as root${skipNote(isRoot, "needs root")}`, () => {
  /** Starts in a folder that only root may enter, twice. */
  async function startClosed(limited: Tools) {
    const closed = join(folder, "closed");
    await mkdir(closed, { mode: 0o700, recursive: true });
    const dataDir = join(closed, "project", "cluster");
    const first = await startPostgres({ dataDir, tools: limited });
    await query(first.url, "create table kept as select 1 as id");
    await first.stop();
    const second = await startPostgres({ dataDir, tools: limited });
    expect(await query(second.url, "select id from kept")).toEqual([{ id: 1 }]);
    return stat(dataDir);
  }

  test.skipIf(tools.unshare === undefined)(
    `a user namespace reaches a folder that only root may enter${skipNote(tools.unshare !== undefined, "no unshare")}`,
    async () => {
      expect((await startClosed({ ...tools, setpriv: undefined })).uid).toBe(0);
    },
  );

  test.skipIf(tools.setpriv === undefined)(
    `where namespaces are forbidden, the unprivileged user with the right to pass reaches it too${skipNote(tools.setpriv !== undefined, "no setpriv")}`,
    async () => {
      expect((await startClosed({ ...tools, unshare: undefined })).uid).toBe(65_534);
    },
  );

  test("with neither tool, the unprivileged user runs it in a folder that every user may enter, if needed from a copy", async () => {
    const dataDir = join(folder, "cluster");
    const server = await startPostgres({ dataDir, tools: { unshare: undefined, setpriv: undefined } });
    expect(await query(server.url, "select 1 as one")).toEqual([{ one: 1 }]);
    expect((await stat(dataDir)).uid).toBe(65_534);
  });

  test("with neither tool, a closed folder is refused, and the error says what to do", async () => {
    const failure = startClosed({ unshare: undefined, setpriv: undefined });
    await expect(failure).rejects.toThrow("Start as an ordinary user, or move the folder");
  });

  test("a cluster made in root's namespace keeps working where namespaces are forbidden", async () => {
    const dataDir = join(folder, "cluster");
    const first = await startPostgres({ dataDir });
    await query(first.url, "create table kept as select 1 as id");
    await first.stop();
    const second = await startPostgres({ dataDir, tools: { ...tools, unshare: undefined } });
    expect(await query(second.url, "select id from kept")).toEqual([{ id: 1 }]);
    await second.stop();
    const third = await startPostgres({ dataDir });
    expect(await query(third.url, "select id from kept")).toEqual([{ id: 1 }]);
  });
});

const canBeOrdinary = skipNote(readableByAll, "needs root, and a checkout that every user may read");
describe.skipIf(!readableByAll)(`as an ordinary user${canBeOrdinary}`, () => {
  test.each([
    ["a user", ordinary],
    ["a user id without a name", nameless],
  ])("%s works in a closed folder of its own", async (_, ids) => {
    await chown(folder, ids.uid, ids.gid);
    await chmod(folder, 0o700);
    const dataDir = join(folder, "cluster");
    const { server, starter } = await startElsewhere({ folder, options: { dataDir }, ids });
    expect(await query(server.url, "select 1 as one")).toEqual([{ one: 1 }]);
    expect((await stat(dataDir)).uid).toBe(ids.uid);
    await killHard(starter);
  });

  test("root adopts a user's cluster, and its owner stays the same", async () => {
    await chown(folder, ordinary.uid, ordinary.gid);
    const dataDir = join(folder, "cluster");
    const { server, starter } = await startElsewhere({ folder, options: { dataDir }, ids: ordinary });
    await killHard(starter);
    const adopted = await startPostgres({ dataDir });
    expect(adopted.pid).toBe(server.pid);
    await adopted.stop();
    const own = await startPostgres({ dataDir });
    await own.stop();
    expect((await stat(join(dataDir, "pg_wal"))).uid).toBe(ordinary.uid);
    expect((await stat(join(dataDir, "global", "pg_control"))).uid).toBe(ordinary.uid);
    const again = await startElsewhere({ folder, options: { dataDir }, ids: ordinary });
    await killHard(again.starter);
  });

  test("a cluster of another user is refused, and the error says what to do", async () => {
    const dataDir = join(folder, "cluster");
    await (await startPostgres({ dataDir })).stop();
    const failure = startElsewhere({ folder, options: { dataDir }, ids: ordinary });
    await expect(failure).rejects.toThrow(`${dirname(dataDir)}/cluster belongs to the user with id`);
  });
});
