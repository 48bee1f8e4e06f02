import type { RunCounts } from "@rollcall/contracts";
import {
  inRolledBackTransaction,
  openStagingTable,
  type Pool,
  type Queryable,
  splitInSavepoints,
} from "@rollcall/db";
import { refuse, type UserWrite, type WriteOutcome, writeAll } from "../user/apply-batch.ts";
import type { ReconcileContext } from "./context.ts";
import { countDrifted, type Drifted } from "./count-drifted.ts";

/** What a dry run would do. Nothing is written before the end of the walk, and then it is taken back. */
export type DryRun = {
  /** Keeps what a page would write. */
  collect(page: number, drifted: readonly Drifted[]): Promise<void>;
  /** Tries everything that was collected. */
  carryOut(): Promise<Partial<RunCounts>>;
  close(): void;
};

/** Locks are held for as long as one batch takes, so it is small. */
const batchSize = 200;

/**
 * Opens a trial, which keeps one connection until it is closed.
 *
 * @param signal ends it between two batches
 * @throws AppError `postgres.unavailable`
 */
export async function openDryRun({ pool, defaults }: ReconcileContext, signal: AbortSignal): Promise<DryRun> {
  const client = await pool.connect();
  const opened = openStagingTable<UserWrite>(client).catch((error: unknown) => {
    client.release(true);
    throw error;
  });
  const book = await opened;

  async function readBatch(pages: readonly number[]): Promise<Drifted[][]> {
    const read: Drifted[][] = [];
    for (const page of pages) {
      // Our own writes, stored as text by `collect`.
      read.push((await book.readPage(page)) as Drifted[]);
    }
    return read;
  }

  return {
    collect: (page, drifted) =>
      book.record(
        page,
        drifted.map(({ write, kind }) => {
          const { clerkId, email } = write.snapshot;
          return { clerkId, email, kind, write };
        }),
      ),
    carryOut: async () => {
      const counts = { created: 0, linked: 0, updated: 0, unchanged: 0, failed: 0 };
      for (;;) {
        signal.throwIfAborted();
        const pages = await book.chooseBatch(batchSize);
        if (pages.length === 0) return counts;
        const drifted = await readBatch(pages);
        const outcomes = await tryWrites(pool, drifted, defaults);
        for (const one of drifted.flat()) {
          const outcome = outcomes.get(one.write.snapshot.clerkId);
          counts[countDrifted(one.kind, outcome)]++;
        }
        await book.removeBatch();
      }
    },
    // Not back into the pool: its temporary tables hold names and emails.
    close: () => client.release(true),
  };
}

/** The write of each page after that of the page before, all of it taken back. */
async function tryWrites(
  pool: Pool,
  pages: readonly (readonly Drifted[])[],
  defaults: ReconcileContext["defaults"],
): Promise<Map<string, WriteOutcome>> {
  const tried = inRolledBackTransaction(pool, async (client) => {
    const outcomes = new Map<string, WriteOutcome>();
    for (const drifted of pages) {
      const writes = drifted.map(({ write }) => write);
      for (const [clerkId, outcome] of await tryPage(client, writes, defaults))
        outcomes.set(clerkId, outcome);
    }
    return outcomes;
  });
  return tried;
}

/** As `applyBatch`, in savepoints of one transaction. */
async function tryPage(
  client: Queryable,
  writes: readonly UserWrite[],
  defaults: ReconcileContext["defaults"],
): Promise<Map<string, WriteOutcome>> {
  const attempt = async (part: readonly UserWrite[]) => {
    const outcomes = await writeAll(client, part, defaults);
    // A commit would run the deferred checks.
    await client.query("set constraints all immediate");
    return outcomes;
  };
  const outcomes = await splitInSavepoints(client, writes, attempt, refuse);
  return new Map(outcomes.flatMap((part) => [...part]));
}
