import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chown, mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cleanEnvironment, failWithLog, measureLog, openLog } from "../server-process.ts";
import type { Runtime } from "./runtime.ts";
import { nameUnfinished, removeUnfinished } from "./unfinished-folders.ts";

/** The password lies inside the data folder, so that one rename publishes both cluster and password. */
const passwordFileName = "rollcall-password";

/**
 * Creates the cluster at `dataDir` unless it exists. initdb works in a separate folder, which is renamed when initdb is
 * done. An interrupted initdb therefore never leaves a half-made cluster. Of two at once, the second finds the place
 * taken and removes its own. Throws with initdb's last lines.
 */
export async function createCluster(
  runtime: Runtime,
  options: { dataDir: string; logFile: string; sync: boolean; onProgress: (message: string) => void },
): Promise<void> {
  const { dataDir } = options;
  await removeUnfinished(dataDir);
  if (await isCluster(dataDir)) return;
  if ((await readdir(dataDir).catch(() => [])).length > 0) {
    throw new Error(
      `${dataDir} is not empty and is not a Postgres cluster. Move it away or choose another folder.`,
    );
  }

  options.onProgress("Creating the database (once)");
  const init = nameUnfinished(dataDir);
  try {
    await initializeAt(init, runtime, options);
    await rename(init, dataDir);
  } catch (error) {
    await rm(init, { recursive: true, force: true });
    if (!(await isCluster(dataDir))) throw error;
  } finally {
    await rm(`${init}.password`, { force: true });
  }
}

/** The password of the user postgres. Throws when the file is gone. */
export async function readPassword(dataDir: string): Promise<string> {
  const path = join(dataDir, passwordFileName);
  return readFile(path, "utf8").catch((cause: unknown) => {
    throw new Error(
      `${path}, which holds the database's password, cannot be read. To start over with an empty database, delete ${dataDir}.`,
      {
        cause,
      },
    );
  });
}

async function initializeAt(
  init: string,
  { account, binaries }: Runtime,
  options: { logFile: string; sync: boolean },
): Promise<void> {
  const passwordFile = `${init}.password`;
  await mkdir(init, { mode: 0o700 });
  await writeFile(passwordFile, randomBytes(24).toString("base64url"), { mode: 0o600 });
  for (const path of account.owner === undefined ? [] : [init, passwordFile]) {
    await chown(path, account.owner?.uid ?? 0, account.owner?.gid ?? 0);
  }
  const args = ["-D", init, "--username=postgres", "--encoding=UTF8", "--locale=C", "--auth=scram-sha-256"];
  args.push(`--pwfile=${passwordFile}`, ...(options.sync ? [] : ["--no-sync"]));
  const from = await measureLog(options.logFile);
  const code = await run([...account.prefix, binaries.initdb, ...args], options.logFile, account.ids);
  if (code !== 0) {
    throw await failWithLog(
      `Postgres could not create its data folder (initdb: ${code}).`,
      options.logFile,
      from,
    );
  }
  await rename(passwordFile, join(init, passwordFileName));
}

async function run(command: string[], logFile: string, ids: { uid: number; gid: number } | undefined) {
  const log = await openLog(logFile);
  try {
    return await new Promise<number | string>((resolve, reject) => {
      const [program = "", ...args] = command;
      const child = spawn(program, args, {
        cwd: "/",
        env: cleanEnvironment,
        stdio: ["ignore", log.fd, log.fd],
        ...ids,
      });
      child.once("error", reject);
      child.once("exit", (code, signal) => resolve(code ?? signal ?? "?"));
    });
  } finally {
    await log.close();
  }
}

async function isCluster(dataDir: string): Promise<boolean> {
  return stat(join(dataDir, "PG_VERSION")).then(
    () => true,
    () => false,
  );
}
