import { open, readFile, stat } from "node:fs/promises";

/** How long `path` is now, in bytes; 0 when it is not there. What a start writes comes after it. */
export async function measureLog(path: string): Promise<number> {
  return stat(path).then(
    (found) => found.size,
    () => 0,
  );
}

/** What was written to `path` after byte `from`. */
export async function readLogFrom(path: string, from: number): Promise<string> {
  const bytes = await readFile(path).catch(() => Buffer.alloc(0));
  return bytes.subarray(from).toString("utf8");
}

/** An error that says what failed, where the log is, and its last lines since byte `from`. */
export async function failWithLog(message: string, path: string, from: number): Promise<Error> {
  const lines = (await readLogFrom(path, from)).trimEnd().split("\n").slice(-15);
  return new Error(`${message} The log, ${path}, ends:\n${lines.map((line) => `  ${line}`).join("\n")}`);
}

/** Opens `path` for appending, readable by its owner only: a log may quote data. */
export async function openLog(path: string) {
  return open(path, "a", 0o600);
}
