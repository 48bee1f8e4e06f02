import { rmSync } from "node:fs";
import { link, readFile, rename, rm, writeFile } from "node:fs/promises";
import { z } from "zod";
import { readProcessBirth } from "./process-birth.ts";

const holderSchema = z.object({ pid: z.number().int(), birth: z.string(), since: z.string() });
type Holder = z.infer<typeof holderSchema>;

export type StartLock = {
  /** True when an earlier run was killed before it could let go; parts of it may still be ending. */
  leftBehind: boolean;
  release(): Promise<void>;
  /** For a process that is about to end. */
  releaseNow(): void;
};

/** Another run holds the folder. */
export class AlreadyRunningError extends Error {
  readonly pid: number;

  constructor({ pid, since }: Holder) {
    super(`Rollcall already runs from this folder: process ${pid}, since ${since}.`);
    this.name = "AlreadyRunningError";
    this.pid = pid;
  }
}

/**
 * Makes sure that one run at a time works on the folder of `path`.
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
    // A link either makes the whole file or fails: nobody ever reads half a lock.
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
  // Moved away first: another starter may have replaced it since it was read, and that one is not stale.
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
