import { AppError } from "@rollcall/contracts";
import { nextReadSequence, type Pool } from "@rollcall/db";
import { inChildSpan, inSharedSpan, type Span, type Tracing } from "@rollcall/observability";
import DataLoader from "dataloader";
import type { Unreadable } from "./read-distinct.ts";

/** What Clerk said of a key, with the read sequence that was drawn before the request left. */
export type Sequenced<Result> = { result: Result; readSequence: number };

/** The keys that readers have asked Clerk for, without reads that still wait for Postgres. The readers change it. */
export type ReadLoad = { usersInFlight: number };

/** For spans: `user` and `users`. */
export type Names = { one: string; many: string };

export type ReaderOptions = { longestMs?: number; load?: ReadLoad; tracing?: Tracing | undefined };

const windowMs = 2;
/** With this many keys in unanswered requests, the next request waits for more keys. */
const manyInFlight = 50;
/** Half of them mostly come back within this time, after their write. A request that hangs delays the others no longer. */
const longestWindowMs = 50;

/**
 * Coalesces concurrent reads into few requests. They are gathered over 2 ms. Clerk limits requests and not keys, so while
 * 50 keys are in flight, a request waits until it is full, until fewer are in flight, or for 50 ms.
 *
 * @param maxKeys of one round of requests
 * @param readKeys reads distinct keys; the results are under the text of their key
 */
export function createCoalescedReader<Key, Result>(
  pool: Pool,
  names: Names,
  {
    maxKeys,
    textOf,
    readKeys,
  }: {
    maxKeys: number;
    textOf: (key: Key) => string;
    readKeys: (keys: readonly Key[]) => Promise<ReadonlyMap<string, Result>>;
  },
  { longestMs = longestWindowMs, load = { usersInFlight: 0 }, tracing }: ReaderOptions = {},
): (key: Key) => Promise<Sequenced<Result>> {
  const window = createReadWindow(longestMs, maxKeys);

  async function readBatch(keys: readonly Key[]): Promise<(Sequenced<Result> | Error)[]> {
    const readSequence = await nextReadSequence(pool);
    load.usersInFlight += keys.length;
    const distinct = [...new Map(keys.map((key) => [textOf(key), key])).values()];
    const results = await readKeys(distinct).finally(() => {
      load.usersInFlight -= keys.length;
    });
    return keys.map((key) => {
      const result = results.get(textOf(key));
      return result ? { result, readSequence } : noOutcome();
    });
  }

  const loader = new DataLoader<Call<Key>, Sequenced<Result>>(
    async (calls) => {
      const answered = window.send(calls.length);
      const keys = calls.map(({ key }) => key);
      return shareRead(tracing, names, calls, () => readBatch(keys)).finally(answered);
    },
    {
      // A cached answer would be older than the sync job that needs it.
      cache: false,
      maxBatchSize: maxKeys,
      batchScheduleFn: window.open,
    },
  );
  return (key) =>
    inChildSpan(tracing, { name: `read ${names.one}` }, (caller) => {
      const read = loader.load({ key, caller });
      window.gather();
      return read;
    });
}

/** A read, and the span that waits for it. */
type Call<Key> = { key: Key; caller: Span | undefined };

/**
 * Coalesces concurrent reads without a read sequence, gathered over 2 ms.
 *
 * @param read one result for each key
 */
export function createPlainReader<Key, Result>(
  names: Names,
  maxKeys: number,
  read: (keys: readonly Key[]) => Promise<(Result | undefined)[]>,
  tracing: Tracing | undefined,
): (key: Key) => Promise<Result> {
  const loader = new DataLoader<Call<Key>, Result>(
    async (calls) => {
      const keys = calls.map(({ key }) => key);
      const results = await shareRead(tracing, names, calls, () => read(keys));
      return keys.map((_, index) => results[index] ?? noOutcome());
    },
    { cache: false, maxBatchSize: maxKeys, batchScheduleFn: (run) => setTimeout(run, windowMs) },
  );
  return (key) =>
    inChildSpan(tracing, { name: `read ${names.one}` }, (caller) => loader.load({ key, caller }));
}

function shareRead<T>(
  tracing: Tracing | undefined,
  { many }: Names,
  calls: readonly { caller: Span | undefined }[],
  read: () => Promise<T>,
): Promise<T> {
  const span = { name: `read ${many}`, attributes: { [`rollcall.${many}`]: calls.length } };
  return inSharedSpan(
    tracing,
    span,
    calls.map(({ caller }) => caller),
    read,
  );
}

function noOutcome(): AppError {
  return new AppError("internal", "A read returned no outcome for an id");
}

/** Decides when the keys that are gathered leave. */
function createReadWindow(longestMs: number, maxKeys: number) {
  let inFlight = 0;
  let gathered = 0;
  let leave: (() => void) | undefined;
  let isWaiting = false;
  let timer: NodeJS.Timeout | undefined;

  function close(): void {
    clearTimeout(timer);
    const run = leave;
    leave = undefined;
    run?.();
  }

  function closeIfFree(): void {
    if (inFlight < manyInFlight) close();
    else if (!isWaiting) {
      isWaiting = true;
      timer = setTimeout(close, longestMs);
    }
  }

  return {
    /** Begins to gather for a new request, which `run` sends. */
    open(run: () => void): void {
      leave = run;
      gathered = 0;
      isWaiting = false;
      timer = setTimeout(closeIfFree, windowMs);
    },
    gather(): void {
      gathered += 1;
      if (gathered === maxKeys) close();
    },
    /** @returns to be called once the request is answered */
    send(keys: number): () => void {
      inFlight += keys;
      return () => {
        inFlight -= keys;
        if (isWaiting && leave) closeIfFree();
      };
    },
  };
}

/** @throws AppError the reason why Clerk's answer for a key cannot be read */
export function getReadable<Result extends object>({
  result,
  readSequence,
}: Sequenced<Result | Unreadable>): Sequenced<Result> {
  if (isUnreadable(result)) throw result.unreadable;
  return { result, readSequence };
}

const isUnreadable = (result: object): result is Unreadable => "unreadable" in result;
