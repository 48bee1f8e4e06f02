import { execFile } from "node:child_process";
import { readFile, readlink, realpath } from "node:fs/promises";
import { basename } from "node:path";
import { promisify } from "node:util";
import { cleanEnvironment } from "../server-process.ts";

/**
 * Whether the process `pid` is the postmaster of the cluster at `dataDir`: it must be named postgres and work in this
 * folder. A pid alone is no proof, because another program or a zombie may have it. A postmaster.pid is no proof either,
 * because the project may have been copied while the server ran.
 */
export async function isPostmasterOf(pid: number, dataDir: string): Promise<boolean> {
  const folder = await realpath(dataDir).catch(() => dataDir);
  if (process.platform === "linux") return isPostmasterOnLinux(pid, folder);
  const ps = await promisify(execFile)("ps", ["-ww", "-o", "args=", "-p", String(pid)], {
    env: cleanEnvironment,
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
  // The working directory follows a renamed folder. It may be unreadable when the server runs under another uid.
  const started = args[args.indexOf("-D") + 1] ?? "";
  const works = await readlink(`/proc/${pid}/cwd`).catch(() => realpath(started).catch(() => started));
  // A server must be found, and stopped, even after its folder was removed.
  return works === folder || works === `${folder} (deleted)`;
}
