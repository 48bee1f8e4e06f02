import { AppError, type RunCounts } from "@rollcall/contracts";
import {
  type FoundDifference,
  inRolledBackTransaction,
  mostDifferences,
  openStagingTable,
  type Pool,
  type ProfileDefaults,
  prepareWrite,
  type Queryable,
  splitInSavepoints,
} from "@rollcall/db";
import type { UserWrite } from "../user/rules.ts";
import { refuse, type WriteOutcome, writeInTransaction } from "../user/write-users.ts";
import {
  classifyWrite,
  countMissed,
  type Differences,
  type DriftedUser,
  type PageContext,
} from "./write-page.ts";

/** The writes of a dry run. They are collected during the walk, and carried out in transactions that are rolled back. */
export type DryRun = {
  /** Stores the writes of a page in the staging table. */
  collect(page: number, drifted: readonly DriftedUser[]): Promise<void>;
  /** What the run would change so far, up to `mostDifferences` users. Each caller adds what it finds. */
  readonly differences: Differences;
  /** Carries out all collected writes, rolls them back, and counts their outcomes. `missed` is as in `PageResult`. */
  carryOut(): Promise<{ counts: Partial<RunCounts>; missed: number }>;
  close(): void;
};

function createDifferences(): Differences {
  const found: FoundDifference[] = [];
  return {
    add: (difference) => {
      if (found.length < mostDifferences) found.push(difference);
    },
    list: () => found,
  };
}

type DryRunContext = Pick<PageContext, "pool" | "defaults">;

/** A batch holds its locks until it is rolled back, so it is small. */
const batchSize = 200;

/**
 * Opens a dry run. Its staging table is temporary, so it keeps one connection until it is closed.
 *
 * @param signal ends `carryOut` between two batches
 * @throws AppError `postgres.unavailable`, and `internal` with a pool of one connection
 */
export async function openDryRun({ pool, defaults }: DryRunContext, signal: AbortSignal): Promise<DryRun> {
  // Its lease could not be prolonged, and it would end without a reason.
  if (pool.max < 2) {
    throw new AppError(
      "internal",
      "A dry run keeps one connection and needs another one: raise DATABASE_MAX_CONNECTIONS of the worker, or use rollcall reconcile --dry-run",
    );
  }
  const client = await pool.connect();
  const staging = await openStagingTable<UserWrite>(client).catch((error: unknown) => {
    client.release(true);
    throw error;
  });

  const differences = createDifferences();

  async function readBatch(pages: readonly number[]): Promise<DriftedUser[][]> {
    const read: DriftedUser[][] = [];
    for (const page of pages) {
      // Our own writes, which `collect` stored as text.
      read.push((await staging.readPage(page)) as DriftedUser[]);
    }
    return read;
  }

  return {
    differences,
    collect: (page, drifted) =>
      staging.record(
        page,
        drifted.map(({ write, kind }) => {
          const { clerkId, email } = write.snapshot;
          return { clerkId, email, kind, write };
        }),
      ),
    carryOut: async () => {
      const counts = { created: 0, linked: 0, updated: 0, unchanged: 0, failed: 0 };
      let missed = 0;
      for (;;) {
        signal.throwIfAborted();
        const pages = await staging.chooseBatch(batchSize);
        if (pages.length === 0) return { counts, missed };
        const drifted = await readBatch(pages);
        const outcomes = await tryWrites(pool, drifted, defaults);
        for (const one of drifted.flat()) {
          const outcome = outcomes.get(one.write.snapshot.clerkId);
          const counted = classifyWrite(one.kind, outcome);
          counts[counted]++;
          if (counted !== "failed" && counted !== "unchanged") missed += countMissed([one]);
          if (counted !== "unchanged") differences.add(describe(one, counted, outcome));
        }
        await staging.removeBatch();
      }
    },
    // The connection does not go back to the pool: its temporary tables hold names and emails.
    close: () => client.release(true),
  };
}

function describe(
  { write: { snapshot } }: DriftedUser,
  kind: FoundDifference["kind"],
  outcome: WriteOutcome | undefined,
): FoundDifference {
  const code = outcome instanceof AppError ? outcome.code : null;
  return { clerkId: snapshot.clerkId, kind, code, readSequence: snapshot.readTicket };
}

/** Writes the pages one after the other, as a real run does, and rolls everything back. */
async function tryWrites(
  pool: Pool,
  pages: readonly (readonly DriftedUser[])[],
  defaults: ProfileDefaults,
): Promise<Map<string, WriteOutcome>> {
  return inRolledBackTransaction(pool, async (client) => {
    await prepareWrite(client);
    const outcomes = new Map<string, WriteOutcome>();
    for (const drifted of pages) {
      const writes = drifted.map(({ write }) => write);
      for (const [clerkId, outcome] of await tryPage(client, writes, defaults))
        outcomes.set(clerkId, outcome);
    }
    return outcomes;
  });
}

/** As `writeUsers`, in savepoints of one transaction. */
async function tryPage(
  client: Queryable,
  writes: readonly UserWrite[],
  defaults: ProfileDefaults,
): Promise<Map<string, WriteOutcome>> {
  const attempt = async (part: readonly UserWrite[]) => {
    const outcomes = await writeInTransaction(client, part, defaults);
    // A commit would run the deferred checks.
    await client.query("set constraints all immediate");
    return outcomes;
  };
  const outcomes = await splitInSavepoints(client, writes, attempt, refuse);
  return new Map(outcomes.flatMap((part) => [...part]));
}
