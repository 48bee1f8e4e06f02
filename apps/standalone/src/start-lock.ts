import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import { link, readFile, rename, rm, writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import { z } from "zod";

const holderSchema = z.object({ pid: z.number().int(), birth: z.string(), since: z.string() });
type Holder = z.infer<typeof holderSchema>;

export type StartLock = {
  /** True if an earlier process was killed before it released the lock. Its parts may still be ending. */
  leftBehind: boolean;
  release(): Promise<void>;
  /** Synchronous, for a process that is about to end. */
  releaseNow(): void;
};

/** Another process holds the folder. */
export class AlreadyRunningError extends Error {
  readonly pid: number;

  constructor({ pid, since }: Holder) {
    super(`Rollcall already runs from this folder: process ${pid}, since ${since}.`);
    this.name = "AlreadyRunningError";
    this.pid = pid;
  }
}

/**
 * Lets only one process at a time work on the folder of `path`.
 *
 * @throws AlreadyRunningError
 */
export async function takeStartLock(path: string): Promise<StartLock> {
  const birth = (await readProcessBirth(process.pid)) ?? "";
  const own = `${path}.${process.pid}`;
  const holder: Holder = { pid: process.pid, birth, since: new Date().toISOString() };
  await writeFile(own, JSON.stringify(holder));
  let leftBehind = false;
  try {
    // A link makes the whole file or fails, so no process reads half a lock.
    while (!(await canLink(own, path))) {
      await dropStale(path);
      leftBehind = true;
    }
  } finally {
    await rm(own, { force: true });
  }
  return {
    leftBehind,
    release: () => rm(path, { force: true }),
    releaseNow: () => rmSync(path, { force: true }),
  };
}

async function canLink(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}

async function dropStale(path: string): Promise<void> {
  const seen = await readHolder(path);
  if (seen && (await readProcessBirth(seen.pid)) === seen.birth) throw new AlreadyRunningError(seen);
  // Moved away first: another process may have replaced it since it was read, and that lock is not stale.
  const away = `${path}.stale.${process.pid}`;
  await rename(path, away).catch(() => undefined);
  const moved = await readHolder(away);
  if (moved && moved.pid !== seen?.pid) await link(away, path).catch(() => undefined);
  await rm(away, { force: true });
}

async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    return holderSchema.parse(JSON.parse(await readFile(path, "utf8")));
  } catch {
    return undefined;
  }
}

/**
 * The start time of the process `pid`, in the system's own format; undefined if there is no such process. Pids are
 * reused, so only pid and start time together identify a process.
 */
async function readProcessBirth(pid: number): Promise<string | undefined> {
  if (process.platform !== "linux") return readBirthFromPs(pid);
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  // Field 22. The second field, the command, may contain blanks and brackets; the last bracket ends it.
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  // A zombie is a process that has ended.
  return fields?.[0] === "Z" ? undefined : fields?.[19];
}

async function readBirthFromPs(pid: number): Promise<string | undefined> {
  const ps = await promisify(execFile)("ps", ["-o", "lstart=", "-p", String(pid)]).catch(() => undefined);
  return ps?.stdout.trim() || undefined;
}
