import { mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findFreePort, PortBusyError } from "../free-port.ts";
import { isPostmasterOf } from "./process-identity.ts";
import { startPostgres } from "./start-postgres.ts";
import { removePostgres } from "./stop-postgres.ts";
import { killHard, makeScratch, query, startElsewhere } from "./testing.ts";

let folder: string;
let dataDir: string;
let clear: () => Promise<void>;

beforeEach(async () => {
  ({ folder, clear } = await makeScratch());
  dataDir = join(folder, "cluster");
});
afterEach(() => clear());

describe("a cluster", () => {
  test("keeps its data from one run to the next; stop() leaves no process and no lock behind", async () => {
    const first = await startPostgres({ dataDir });
    await query(first.url, "create table kept as select 1 as id");
    await first.stop();
    expect(await readdir(dataDir)).not.toContain("postmaster.pid");

    const again = await startPostgres({ dataDir });
    expect(await query(again.url, "select id from kept")).toEqual([{ id: 1 }]);
    await again.stop();
    await again.stop();
    expect(await isPostmasterOf(again.pid, dataDir)).toBe(false);
    expect((await readdir(folder)).sort()).toEqual(["cluster", "cluster.log"]);
  });

  test("takes connections only on loopback, and only with the password from its private file", async () => {
    const { url } = await startPostgres({ dataDir });
    const rows = await query(
      url,
      "select current_setting('listen_addresses') as listens, current_setting('unix_socket_directories') as sockets",
    );
    expect(rows).toEqual([{ listens: "127.0.0.1", sockets: "" }]);
    const wrong = new URL(url);
    wrong.password = "postgres";
    await expect(query(wrong.href, "select 1")).rejects.toThrow("password authentication failed");
    const file = await stat(join(dataDir, "rollcall-password"));
    expect(file.mode & 0o777).toBe(0o600);
  });

  test("does not depend on the locale or the variables of the shell", async () => {
    const env = {
      LANG: "pt_BR.UTF-8",
      LC_ALL: "pt_BR.UTF-8",
      PGDATA: "/nowhere",
      PGPORT: "1",
      TZ: "Asia/Tokyo",
    };
    const settings = ["server_encoding", "lc_messages", "timezone", "port"];
    const read = settings.map((name) => `current_setting('${name}') as ${name}`).join();
    for (const [name, shell] of Object.entries({ unset: {}, brazil: env })) {
      const options = { dataDir: join(folder, name) };
      const { server, starter } = await startElsewhere({ folder, options, env: shell });
      expect(await query(server.url, `select ${read}`)).toEqual([
        { server_encoding: "UTF8", lc_messages: "C", timezone: "UTC", port: String(server.port) },
      ]);
      await killHard(starter);
    }
  });

  test.each([
    ["any port", async () => ({})],
    ["the same port", async () => ({ port: await findFreePort() })],
  ])("is one for three starters at once on %s, and each of them gets it", async (_, choosePort) => {
    const options = { dataDir, ...(await choosePort()) };
    const started = await Promise.all([
      startElsewhere({ folder, options }),
      startElsewhere({ folder, options }),
      startPostgres(options).then((server) => ({ server, starter: undefined })),
    ]);
    expect(new Set(started.map(({ server }) => server.pid)).size).toBe(1);
    expect(new Set(started.map(({ server }) => server.url)).size).toBe(1);
    expect(await query(started[0].server.url, "select 1 as one")).toEqual([{ one: 1 }]);
    expect((await readdir(folder)).sort()).toEqual(["cluster", "cluster.log", "start.mts"]);
    for (const { starter } of started) if (starter !== undefined) await killHard(starter);
  });
});

describe("starting", () => {
  test("throws PortBusyError for a port that is taken, and works once the port is free", async () => {
    const port = await findFreePort();
    const holder = createServer().listen(port, "127.0.0.1");
    await expect(startPostgres({ dataDir, port })).rejects.toThrow(PortBusyError);
    await new Promise((resolve) => holder.close(resolve));
    expect((await startPostgres({ dataDir, port })).port).toBe(port);
    await expect(startPostgres({ dataDir, port: port + 1 })).rejects.toThrow(`already runs on port ${port}`);
  });

  test("removes the files of an interrupted initdb, and nothing else", async () => {
    const left = `${dataDir}.init-2147483646-0123abcd`;
    await mkdir(left);
    await writeFile(join(left, "PG_VERSION"), "18\n");
    await writeFile(`${left}.password`, "old");
    await mkdir(`${dataDir}.initial`);
    await startPostgres({ dataDir });
    expect((await readdir(folder)).sort()).toEqual(["cluster", "cluster.initial", "cluster.log"]);
  });

  test("refuses a folder with other files, and does not change it", async () => {
    await mkdir(dataDir);
    await writeFile(join(dataDir, "thesis.txt"), "irreplaceable");
    await expect(startPostgres({ dataDir })).rejects.toThrow("not a Postgres cluster");
    expect(await readdir(dataDir)).toEqual(["thesis.txt"]);
  });

  test("fails with the log's path and last lines when Postgres refuses", async () => {
    const failure = startPostgres({ dataDir, settings: { shared_buffers: "a lot" } });
    await expect(failure).rejects.toThrow(/invalid value for parameter "shared_buffers"/);
    await expect(failure).rejects.toThrow(`${dataDir}.log`);
  });

  test("reports its steps to a person who waits", async () => {
    const said: string[] = [];
    const onProgress = (message: string) => said.push(message);
    await startPostgres({ dataDir, onProgress });
    await startPostgres({ dataDir, onProgress });
    expect(said).toEqual(["Creating the database (once)", "Starting Postgres", "Found Postgres running"]);
  });
});

test("removing a cluster ends its server first", async () => {
  const server = await startPostgres({ dataDir });
  await removePostgres(dataDir);
  expect(await isPostmasterOf(server.pid, dataDir)).toBe(false);
  expect(await readdir(folder)).toEqual([]);
});
