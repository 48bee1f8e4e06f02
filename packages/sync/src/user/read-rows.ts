import { findLoginRows, type LoginRow, type Pool } from "@rollcall/db";
import { inChildSpan, inSharedSpan, type Span } from "@rollcall/observability";
import DataLoader from "dataloader";

/** Reads one user's row, together with the other rows that are read at this moment. @throws PostgresError */
export type RowReader = (clerkId: string) => Promise<LoginRow | undefined>;

const windowMs = 2;
const maxRowsPerRead = 200;

/**
 * Coalesces up to 200 concurrent reads, gathered over 2 ms, into one statement. A read begins after its call: a row that was
 * read before would be older than what the caller knows by then, such as an answer of Clerk.
 */
export function createRowReader(pool: Pool): RowReader {
  const { tracing } = pool;
  const loader = new DataLoader<{ clerkId: string; caller: Span | undefined }, LoginRow | undefined>(
    async (calls) => {
      const clerkIds = [...new Set(calls.map(({ clerkId }) => clerkId))];
      const callers = calls.map(({ caller }) => caller);
      const span = { name: "read rows", attributes: { "rollcall.users": calls.length } };
      const rows = await inSharedSpan(tracing, span, callers, () => findLoginRows(pool, clerkIds));
      const byId = new Map(rows.map((row) => [row.clerkId, row]));
      return calls.map(({ clerkId }) => byId.get(clerkId));
    },
    {
      cache: false,
      maxBatchSize: maxRowsPerRead,
      batchScheduleFn: (run) => setTimeout(run, windowMs),
    },
  );
  return (clerkId) =>
    inChildSpan(tracing, { name: "read row" }, (caller) => loader.load({ clerkId, caller }));
}
