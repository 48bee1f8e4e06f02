import { open, readFile } from "node:fs/promises";
import { join } from "node:path";

/** The part of a postmaster.pid that we use. */
export type PidFile = { pid: number; port: number; ready: boolean };

/** Above the highest pid of every system, so that no process has it. */
const impossiblePid = 2_147_483_646;
/** A server fills its new file at once. A file that stays unreadable for this long was cut off by a full disk. */
const untouchedMs = 5_000;

/** The parsed postmaster.pid of `dataDir`; undefined when there is none; "unreadable" when it is incomplete. */
export async function readPidFile(dataDir: string): Promise<PidFile | "unreadable" | undefined> {
  const text = await readFile(pathOf(dataDir), "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  return text === undefined ? undefined : parse(text);
}

/**
 * Replaces the pid in a stale postmaster.pid with an impossible one. Stale means: `seen` as unreadable, or naming a
 * process that is gone or is another program. While any process of this user has that pid, Postgres refuses to start.
 * The file stays, because it also names the shared memory. By that memory Postgres recognizes children of the dead
 * server that still write.
 *
 * The change goes through the open file. If the Postgres of another starter has replaced the file meanwhile, the new
 * file is not touched.
 */
export async function disownPidFile(dataDir: string, seen: PidFile | "unreadable"): Promise<void> {
  const file = await open(pathOf(dataDir), "r+").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (file === undefined) return;
  try {
    const text = await file.readFile("utf8");
    const now = parse(text);
    if (seen === "unreadable") {
      const { mtimeMs } = await file.stat();
      if (now === "unreadable" && Date.now() - mtimeMs > untouchedMs) {
        await file.write(`${impossiblePid}\n${dataDir}\n0\n0\n`, 0);
      }
    } else if (now !== "unreadable" && now.pid === seen.pid) {
      // No pid has more digits, so no digit of the old pid remains.
      await file.write(text.replace(/^\d+/, String(impossiblePid)), 0);
    }
  } finally {
    await file.close();
  }
}

function parse(text: string): PidFile | "unreadable" {
  // Lines: pid, data folder, start time, port, socket folder, listen address, shared memory, status.
  const [pid, folder, , port, , , , status] = text.split("\n");
  if (!/^\d+$/.test(pid ?? "") || folder === undefined) return "unreadable";
  return { pid: Number(pid), port: Number(port ?? 0), ready: status?.trim() === "ready" };
}

function pathOf(dataDir: string): string {
  return join(dataDir, "postmaster.pid");
}
