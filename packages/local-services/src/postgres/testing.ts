import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import pg from "pg";
import type { PostgresOptions, PostgresServer } from "./start-postgres.ts";
import { removePostgres } from "./stop-postgres.ts";

/** The rows of one statement, on a connection of its own. */
export async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

/** An empty folder that every user may enter; `clear` ends every server in it, then removes it. */
export async function makeScratch(): Promise<{ folder: string; clear: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), "rollcall-test-"));
  await chmod(folder, 0o755);
  const clear = async () => {
    for (const name of await readdir(folder, { recursive: true })) {
      if (name.endsWith("postmaster.pid")) await removePostgres(join(folder, dirname(name)));
    }
    await rm(folder, { recursive: true, force: true });
  };
  return { folder, clear };
}

/** How another process calls startPostgres. */
export type Elsewhere = {
  folder: string;
  options: PostgresOptions;
  env?: Record<string, string>;
  ids?: { uid: number; gid: number };
};

/** Starts a process that starts a server and then runs until it is killed. Throws with its stderr when it fails. */
export async function startElsewhere({ folder, options, env, ids }: Elsewhere): Promise<{
  server: Omit<PostgresServer, "stop">;
  starter: ChildProcess;
}> {
  const script = join(folder, "start.mts");
  const module = new URL("./start-postgres.ts", import.meta.url).href;
  await writeFile(
    script,
    `import { startPostgres } from ${JSON.stringify(module)};
console.log(JSON.stringify(await startPostgres(JSON.parse(process.argv[2]))));
setInterval(() => {}, 1000);`,
  );
  // The folder of tsx's cache may belong to another user.
  const starter = spawn(
    process.execPath,
    ["--conditions=@rollcall/source", "--import", "tsx", script, JSON.stringify(options)],
    {
      cwd: dirname(fileURLToPath(import.meta.url)),
      env: { PATH: dirname(process.execPath), TSX_DISABLE_CACHE: "1", ...env },
      stdio: ["ignore", "pipe", "pipe"],
      ...ids,
    },
  );
  let problem = "";
  starter.stderr.on("data", (bytes) => {
    problem += String(bytes);
  });
  const lines = createInterface({ input: starter.stdout });
  const [line] = await Promise.race([once(lines, "line"), once(starter, "exit")]);
  if (typeof line !== "string") throw new Error(problem);
  // The script above printed this line.
  return { server: JSON.parse(line) as Omit<PostgresServer, "stop">, starter };
}

/** Ends `child` with SIGKILL and waits until it is gone. */
export async function killHard(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}
