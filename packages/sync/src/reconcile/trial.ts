import type { RunCounts } from "@rollcall/contracts";
import {
  inTrial,
  isOutage,
  openTrialBook,
  type Pool,
  type Queryable,
  readSqlState,
  wrapPostgresError,
} from "@rollcall/db";
import { type UserWrite, type WriteOutcome, writeAll } from "../apply-batch.ts";
import { askPostgres } from "../time-limit.ts";
import type { ReconcileContext } from "./context.ts";
import { countDrifted, type Drifted } from "./count-drifted.ts";

/** What a dry run would do. Nothing is written before the end of the walk, and then it is taken back. */
export type Trial = {
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
export async function openTrial({ pool, defaults }: ReconcileContext, signal: AbortSignal): Promise<Trial> {
  const client = await askPostgres(pool.connect());
  // A connection that breaks says so twice; the statement's failure is the one that counts.
  client.on("error", () => undefined);
  const opened = openTrialBook<UserWrite>(client).catch((error: unknown) => {
    client.release(true);
    throw error;
  });
  const book = await askPostgres(opened);

  async function readBatch(pages: readonly number[]): Promise<Drifted[][]> {
    const read: Drifted[][] = [];
    for (const page of pages) {
      // Our own writes, stored as text by `collect`.
      read.push((await askPostgres(book.readPage(page))) as Drifted[]);
    }
    return read;
  }

  return {
    collect: (page, drifted) =>
      askPostgres(
        book.record(
          page,
          drifted.map(({ write, kind }) => {
            const { clerkId, email } = write.snapshot;
            return { clerkId, email, kind, write };
          }),
        ),
      ),
    carryOut: async () => {
      const counts = { created: 0, linked: 0, updated: 0, unchanged: 0, failed: 0 };
      for (;;) {
        signal.throwIfAborted();
        const pages = await askPostgres(book.chooseBatch(batchSize));
        if (pages.length === 0) return counts;
        const drifted = await readBatch(pages);
        const outcomes = await tryWrites(pool, drifted, defaults);
        for (const one of drifted.flat()) {
          const outcome = outcomes.get(one.write.snapshot.clerkId);
          counts[countDrifted(one.kind, outcome)]++;
        }
        await askPostgres(book.forgetBatch());
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
  const tried = inTrial(pool, async (client) => {
    const outcomes = new Map<string, WriteOutcome>();
    for (const drifted of pages) {
      const writes = drifted.map(({ write }) => write);
      for (const [clerkId, outcome] of await tryPage(client, writes, defaults))
        outcomes.set(clerkId, outcome);
    }
    return outcomes;
  });
  return askPostgres(tried);
}

/** As `applyBatch`: values that Postgres refuses halve the page until the poison is alone. */
async function tryPage(
  client: Queryable,
  writes: readonly UserWrite[],
  defaults: ReconcileContext["defaults"],
): Promise<Map<string, WriteOutcome>> {
  await client.query("savepoint page");
  try {
    const outcomes = await writeAll(client, writes, defaults);
    // What would wait for the commit speaks now.
    await client.query("set constraints all immediate");
    await client.query("release savepoint page");
    return outcomes;
  } catch (error) {
    // Class 40: the whole trial is to run again.
    if (isOutage(error) || readSqlState(error)?.startsWith("40")) throw error;
    await client.query("rollback to savepoint page");
    const [only] = writes;
    if (writes.length === 1 && only) return new Map([[only.snapshot.clerkId, wrapPostgresError(error)]]);
  }
  const middle = Math.ceil(writes.length / 2);
  const first = await tryPage(client, writes.slice(0, middle), defaults);
  const second = await tryPage(client, writes.slice(middle), defaults);
  return new Map([...first, ...second]);
}
