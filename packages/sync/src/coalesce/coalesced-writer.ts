import { AppError } from "@rollcall/contracts";
import { inChildSpan, inSharedSpan, type Span, type Tracing } from "@rollcall/observability";
import DataLoader from "dataloader";
import type { Names } from "./coalesced-reader.ts";

const windowMs = 2;
const maxWritesTogether = 200;

/**
 * Coalesces up to 200 concurrent writes, gathered over 2 ms, into one transaction.
 *
 * @param keyOf two jobs may write one row at once. A statement may not, so the newest write is made for both
 * @param write distinct writes. An error is the outcome of a write that fails alone
 */
export function createCoalescedWriter<Write, Outcome extends string>(
  { one, many }: Names,
  {
    keyOf,
    isNewer,
    write,
  }: {
    keyOf: (write: Write) => string;
    isNewer: (write: Write, other: Write) => boolean;
    write: (writes: readonly Write[]) => Promise<ReadonlyMap<string, Outcome | AppError>>;
  },
  tracing?: Tracing,
): (write: Write) => Promise<Outcome> {
  function newestOfEach(writes: readonly Write[]): Write[] {
    const newest = new Map<string, Write>();
    for (const next of writes) {
      const rival = newest.get(keyOf(next));
      if (rival === undefined || isNewer(next, rival)) newest.set(keyOf(next), next);
    }
    return [...newest.values()];
  }

  async function writeTogether(writes: readonly Write[]): Promise<(Outcome | Error)[]> {
    const outcomes = await write(newestOfEach(writes));
    return writes.map(
      (next) =>
        outcomes.get(keyOf(next)) ?? new AppError("internal", "A write returned no outcome for an id"),
    );
  }

  const loader = new DataLoader<{ write: Write; caller: Span | undefined }, Outcome>(
    (calls) => {
      const writes = calls.map((call) => call.write);
      const callers = calls.map(({ caller }) => caller);
      const span = { name: `write ${many}`, attributes: { [`rollcall.${many}`]: writes.length } };
      return inSharedSpan(tracing, span, callers, () => writeTogether(writes));
    },
    {
      cache: false,
      maxBatchSize: maxWritesTogether,
      batchScheduleFn: (run) => setTimeout(run, windowMs),
    },
  );
  return (next) =>
    inChildSpan(tracing, { name: `write ${one}` }, (caller) => loader.load({ write: next, caller }));
}

/** Orders two reads of one thing: the later stamp of Clerk's, then the later read. An unreadable stamp is the oldest. */
export function isNewerRead(
  one: { clerkUpdatedAtMs: number | null; readTicket: number },
  other: { clerkUpdatedAtMs: number | null; readTicket: number },
): boolean {
  const [oneMs, otherMs] = [one.clerkUpdatedAtMs ?? -1, other.clerkUpdatedAtMs ?? -1];
  return oneMs === otherMs ? one.readTicket > other.readTicket : oneMs > otherMs;
}

/** The outcome of a write that fails alone. An error of our own code must not stop the other writes of the batch either. */
export function toRefusal(error: unknown): AppError {
  return error instanceof AppError
    ? error
    : new AppError("internal", `A ${error instanceof Error ? error.name : "failure"} while writing`);
}
