import { readFile, stat, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** What a postmaster wrote about itself. */
export type PidFile = { pid: number; dataDir: string; port: number; ready: boolean };

/** Above every system's highest pid, so that no process can have it. */
const PID_OF_NOBODY = 2_147_483_646;

/** The parsed postmaster.pid; "unreadable" while it is being written, or after a full disk cut it. */
export async function readPidFile(dataDir: string): Promise<PidFile | "unreadable" | undefined> {
  const text = await readFile(pathOf(dataDir), "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  // Lines: pid, data folder, start time, port, socket folder, listen address, shared memory, status.
  const [pid, folder, , port, , , , status] = text.split("\n");
  if (!/^\d+$/.test(pid ?? "") || folder === undefined) return "unreadable";
  return { pid: Number(pid), dataDir: folder, port: Number(port ?? 0), ready: status?.trim() === "ready" };
}

/**
 * Makes a postmaster.pid harmless whose process is gone, a zombie or somebody else. Postgres would refuse to start while
 * any process of ours has that pid. The file is kept, with a pid that cannot be, because it also names the shared
 * memory by which Postgres knows whether children of the dead server are still writing.
 */
export async function disownPidFile(dataDir: string): Promise<void> {
  const text = await readFile(pathOf(dataDir), "utf8").catch(() => undefined);
  if (text !== undefined) await writeFile(pathOf(dataDir), text.replace(/^\d+/, String(PID_OF_NOBODY)));
}

/** Removes an unreadable postmaster.pid that nobody has touched for a while; a server writes its own at once. */
export async function removeUnreadablePidFile(dataDir: string, untouchedMs: number): Promise<void> {
  const { mtimeMs } = await stat(pathOf(dataDir)).catch(() => ({ mtimeMs: Date.now() }));
  if (Date.now() - mtimeMs > untouchedMs) await unlink(pathOf(dataDir)).catch(() => undefined);
}

function pathOf(dataDir: string): string {
  return join(dataDir, "postmaster.pid");
}
