import { type FileHandle, open, readFile, stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";

/** Below this, a start that failed probably failed for want of room, and the log may have had none to say so. */
const SCARCE_BYTES = 64 * 1024 * 1024;

/** Opens `path` for appending, readable by its owner only: a log may quote data. */
export async function openLog(path: string): Promise<FileHandle> {
  return open(path, "a", 0o600);
}

/** How long `path` is now, in bytes; 0 when it is not there. What a start writes comes after it. */
export async function measureLog(path: string): Promise<number> {
  return stat(path).then(
    (found) => found.size,
    () => 0,
  );
}

/** What was written to `path` after byte `from`; empty when it cannot be read. */
export async function readLogFrom(path: string, from: number): Promise<string> {
  const bytes = await readFile(path).catch(() => Buffer.alloc(0));
  return bytes.subarray(from).toString("utf8");
}

/** An error that says what failed, where the log is, its last lines since byte `from`, and whether the disk is full. */
export async function failWithLog(message: string, path: string, from: number): Promise<Error> {
  const lines = (await readLogFrom(path, from)).split("\n").filter((line) => line !== "");
  const tail = lines.slice(-15).map((line) => `\n  ${line}`);
  const disk = await statfs(dirname(path)).catch(() => undefined);
  const freeBytes = disk === undefined ? Number.POSITIVE_INFINITY : disk.bavail * disk.bsize;
  const room =
    freeBytes < SCARCE_BYTES ? ` The disk has ${Math.floor(freeBytes / 1024 / 1024)} MB left.` : "";
  return new Error(
    `${message}${room} The log is ${path}${tail.length > 0 ? "; it ends:" : "."}${tail.join("")}`,
  );
}
