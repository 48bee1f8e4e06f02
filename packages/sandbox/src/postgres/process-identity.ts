import { execFile } from "node:child_process";
import { readFile, readlink, realpath } from "node:fs/promises";
import { basename } from "node:path";
import { promisify } from "node:util";
import { CLEAN_ENV } from "./account.ts";

/**
 * Whether the process `pid` is the postmaster of the cluster at `dataDir`. A pid alone proves nothing (it may have been
 * given to another program, or be a zombie that nobody waited for), and neither does a postmaster.pid (the project may
 * have been copied while it ran): the process must be called postgres and work in this folder.
 */
export async function isPostmasterOf(pid: number, dataDir: string): Promise<boolean> {
  if (process.platform === "linux") return isPostmasterOnLinux(pid, dataDir);
  const ps = await promisify(execFile)("ps", ["-ww", "-o", "args=", "-p", String(pid)], {
    env: CLEAN_ENV,
  }).catch(() => undefined);
  const command = ps?.stdout ?? "";
  return /\bpostgres\s/.test(command) && command.includes(` -D ${dataDir} `);
}

async function isPostmasterOnLinux(pid: number, dataDir: string): Promise<boolean> {
  const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  const args = command.split("\0");
  if (basename(args[0] ?? "") !== "postgres") return false;
  // The working directory follows a renamed folder. It is hidden when the server runs under another uid.
  const started = args[args.indexOf("-D") + 1] ?? "";
  const works = await readlink(`/proc/${pid}/cwd`).catch(() => realpath(started).catch(() => started));
  return works === (await realpath(dataDir));
}
