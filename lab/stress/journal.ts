import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { z } from "zod";

/**
 * An action of a process. The journal holds the actions of all processes in their order.
 *
 * All processes append to one file, with one write per entry. The kernel appends under the file's lock, so an entry's
 * place in the file is its global sequence number. A written entry survives a kill of its process.
 */
const journalEntry = z.discriminatedUnion("at", [
  /** A producer is about to add a sync job. */
  z.object({ at: z.literal("issued"), syncJob: z.string(), lane: z.string() }),
  /** The add returned. From here on, the sync job must not be lost. */
  z.object({ at: z.literal("accepted"), syncJob: z.string() }),
  /** A job is active and its processor begins. `job` is its queue and id. */
  z.object({ at: z.literal("started"), run: z.string(), lane: z.string(), job: z.string() }),
  /** The processor succeeded. */
  z.object({ at: z.literal("finished"), run: z.string() }),
  /** The processor ended early: `failed` for one user, or `limited` by an outage. */
  z.object({ at: z.literal("failed"), run: z.string() }),
  z.object({ at: z.literal("limited"), run: z.string() }),
  /** An error of a worker outside a run, for example a lost lock. The report counts them, and they break nothing. */
  z.object({ at: z.literal("error"), message: z.string() }),
]);

export type JournalEntry = z.infer<typeof journalEntry>;

export type JournalWriter = (entry: JournalEntry) => void;

export function openJournalWriter(path: string): JournalWriter {
  const file = openSync(path, "a");
  return (entry) => {
    // If a kill cut the previous entry short, the leading line break separates the two.
    writeSync(file, `\n${JSON.stringify(entry)}\n`);
  };
}

export type JournalReader = {
  /** All entries so far. Grows with each `read`. */
  readonly entries: readonly JournalEntry[];
  read(): void;
  close(): void;
};

/** Follows a journal. Text after the last line break is left for the next read, because it may be incomplete. */
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

/** Skips lines that a kill cut short, which have no closing brace. Every second line is empty. */
function readLine(line: string): JournalEntry[] {
  if (!line.endsWith("}")) return [];
  return [journalEntry.parse(JSON.parse(line))];
}
