import { open, readFile } from "node:fs/promises";
import { join } from "node:path";

/** What a postmaster wrote about itself. */
export type PidFile = { pid: number; port: number; ready: boolean };

/** Above every system's highest pid, so that no process can have it. */
const PID_OF_NOBODY = 2_147_483_646;
/** A server fills the file it made at once; one that stays unreadable for this long was cut by a full disk. */
const UNTOUCHED_MS = 5_000;

/** The parsed postmaster.pid of `dataDir`; undefined when there is none; "unreadable" when it is cut or just being written. */
export async function readPidFile(dataDir: string): Promise<PidFile | "unreadable" | undefined> {
  const text = await readFile(pathOf(dataDir), "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  return text === undefined ? undefined : parse(text);
}

/**
 * Makes a postmaster.pid harmless that was `seen` to be unreadable, or to name a process that is gone or somebody else's:
 * Postgres would refuse to start while any process of ours has that pid. The file is kept, with a pid that cannot be, for
 * it also names the shared memory by which Postgres knows whether children of the dead server are still writing.
 *
 * Written through the open file: another starter's Postgres unlinks a stale file and makes its own, so what it makes
 * in the meantime is out of our reach.
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
      if (now === "unreadable" && Date.now() - mtimeMs > UNTOUCHED_MS) {
        await file.write(`${PID_OF_NOBODY}\n${dataDir}\n0\n0\n`, 0);
      }
    } else if (now !== "unreadable" && now.pid === seen.pid) {
      // As long as any pid or longer, so nothing of the old text is left behind its end.
      await file.write(text.replace(/^\d+/, String(PID_OF_NOBODY)), 0);
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
