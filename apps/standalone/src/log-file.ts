import { createWriteStream, type WriteStream } from "node:fs";
import { rename, stat } from "node:fs/promises";

const largestBytes = 10 * 1024 * 1024;

/** Opens a log to add to. One that has grown large becomes `….1`, and the one before it is forgotten. */
export async function openLogFile(path: string): Promise<WriteStream> {
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  );
  if (size > largestBytes) await rename(path, `${path}.1`);
  const stream = createWriteStream(path, { flags: "a" });
  // A full disk costs the log, not the run.
  stream.on("error", () => undefined);
  return stream;
}
