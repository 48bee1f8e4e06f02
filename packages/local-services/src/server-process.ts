import { type FileHandle, open, readFile, stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";

/** Where system tools are, without reading the PATH of the environment. */
export const toolFolders = ["/usr/bin", "/bin", "/usr/sbin", "/sbin", "/run/current-system/sw/bin"];

/** The environment of every server: no LANG and no PG* variables, so that a cluster does not depend on the shell. */
export const cleanEnvironment = { PATH: toolFolders.join(":"), LC_ALL: "C" };

/** Below this, a failed start probably lacked disk space, and the log may be empty for the same reason. */
const scarceBytes = 64 * 1024 * 1024;

/** Opens `path` for appending, readable by its owner only, because a log may quote data. */
export async function openLog(path: string): Promise<FileHandle> {
  return open(path, "a", 0o600);
}

/** The size of `path` in bytes; 0 when the file does not exist. A new start writes after this position. */
export async function measureLog(path: string): Promise<number> {
  return stat(path).then(
    (found) => found.size,
    () => 0,
  );
}

/** The part of `path` after byte `from`; empty when the file cannot be read. */
export async function readLogFrom(path: string, from: number): Promise<string> {
  const bytes = await readFile(path).catch(() => Buffer.alloc(0));
  return bytes.subarray(from).toString("utf8");
}

/** An error with the message, the log's path, the log's last lines since byte `from`, and a note when the disk is full. */
export async function failWithLog(message: string, path: string, from: number): Promise<Error> {
  const lines = (await readLogFrom(path, from)).split("\n").filter((line) => line !== "");
  const tail = lines.slice(-15).map((line) => `\n  ${line}`);
  const disk = await statfs(dirname(path)).catch(() => undefined);
  const freeBytes = disk === undefined ? Number.POSITIVE_INFINITY : disk.bavail * disk.bsize;
  const room = freeBytes < scarceBytes ? ` The disk has ${Math.floor(freeBytes / 1024 / 1024)} MB left.` : "";
  return new Error(
    `${message}${room} The log is ${path}${tail.length > 0 ? "; it ends:" : "."}${tail.join("")}`,
  );
}
