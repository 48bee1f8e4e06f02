import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { z } from "zod";

/**
 * What a stress run's processes did, in the order in which it happened.
 *
 * All of them append to one file, each entry with one write. The kernel appends under the file's lock, so an
 * entry's place in the file is its global sequence number: what stands above happened before. And what is
 * written stays when its writer is killed.
 */
const journalEntry = z.discriminatedUnion("at", [
  /** A producer is about to add a sync job. */
  z.object({ at: z.literal("issued"), syncJob: z.string(), lane: z.string() }),
  /** The add returned: from here on the sync job must not be lost. */
  z.object({ at: z.literal("accepted"), syncJob: z.string() }),
  /** A job is active and its processor begins. `job` is its queue and id. */
  z.object({ at: z.literal("started"), run: z.string(), lane: z.string(), job: z.string() }),
  /** The processor did all that it had to do. */
  z.object({ at: z.literal("finished"), run: z.string() }),
  /** It ended early: a failure of one user, or an outage. */
  z.object({ at: z.literal("failed"), run: z.string() }),
  z.object({ at: z.literal("limited"), run: z.string() }),
  /** A worker met an error outside a run. A lost lock is one; the report counts them for people to judge. */
  z.object({ at: z.literal("error"), message: z.string() }),
]);

export type JournalEntry = z.infer<typeof journalEntry>;

export type JournalWriter = (entry: JournalEntry) => void;

export function openJournalWriter(path: string): JournalWriter {
  const file = openSync(path, "a");
  return (entry) => {
    // The line break in front keeps an entry whole when its predecessor was torn by a kill.
    writeSync(file, `\n${JSON.stringify(entry)}\n`);
  };
}

export type JournalReader = {
  /** All entries so far. Grows with each `read`. */
  readonly entries: readonly JournalEntry[];
  read(): void;
  close(): void;
};

/** Follows a journal. What stands behind the last line break is left for the next read: it is still growing. */
export function openJournalReader(path: string): JournalReader {
  const file = openSync(path, "a+");
  const entries: JournalEntry[] = [];
  const chunk = Buffer.alloc(1 << 20);
  let position = 0;
  let rest = "";

  return {
    entries,
    read: () => {
      for (;;) {
        const length = readSync(file, chunk, 0, chunk.length, position);
        if (length === 0) return;
        position += length;
        const lines = (rest + chunk.toString("latin1", 0, length)).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) entries.push(...readLine(line));
      }
    },
    close: () => closeSync(file),
  };
}

/** A torn line has no closing brace and claims nothing; every second line is empty. */
function readLine(line: string): JournalEntry[] {
  if (!line.endsWith("}")) return [];
  return [journalEntry.parse(JSON.parse(line))];
}
