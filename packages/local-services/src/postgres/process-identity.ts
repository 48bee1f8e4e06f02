import { execFile } from "node:child_process";
import { readFile, readlink, realpath } from "node:fs/promises";
import { basename } from "node:path";
import { promisify } from "node:util";
import { CLEAN_ENV } from "./clean-environment.ts";

/**
 * Whether the process `pid` is the postmaster of the cluster at `dataDir`. A pid alone proves nothing (it may have been
 * given to another program, or be a zombie that nobody waited for), and neither does a postmaster.pid (the project may
 * have been copied while it ran): the process must be called postgres and work in this folder.
 */
export async function isPostmasterOf(pid: number, dataDir: string): Promise<boolean> {
  const folder = await realpath(dataDir).catch(() => dataDir);
  if (process.platform === "linux") return isPostmasterOnLinux(pid, folder);
  const ps = await promisify(execFile)("ps", ["-ww", "-o", "args=", "-p", String(pid)], {
    env: CLEAN_ENV,
  }).catch(() => undefined);
  const command = ps?.stdout ?? "";
  return /\bpostgres\s/.test(command) && [dataDir, folder].some((path) => command.includes(` -D ${path} `));
}

/** Whether any process has `pid`. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

async function isPostmasterOnLinux(pid: number, folder: string): Promise<boolean> {
  const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  const args = command.split("\0");
  if (basename(args[0] ?? "") !== "postgres") return false;
  // The working directory follows a renamed folder. It may be hidden when the server runs under another uid.
  const started = args[args.indexOf("-D") + 1] ?? "";
  const works = await readlink(`/proc/${pid}/cwd`).catch(() => realpath(started).catch(() => started));
  // A server whose folder was removed under it must still be found, to be stopped.
  return works === folder || works === `${folder} (deleted)`;
}
