import { type ClerkGateway, type FetchResult, maxIdsPerRead } from "@rollcall/clerk";
import { AppError, readErrorCode } from "@rollcall/contracts";
import { nextReadSequence, type Pool } from "@rollcall/db";
import { inChildSpan, inSharedSpan, type Span, type Tracing } from "@rollcall/observability";
import DataLoader from "dataloader";
import { confirmAbsence, maxIdsPerConfirmation } from "./confirm-absence.ts";

/** What Clerk said of a user, with the read sequence that was drawn before the request left. */
export type SequencedFetch = { result: FetchResult; readSequence: number };

/** Reads one user at Clerk, together with the other users that are read at this moment. @throws AppError */
export type UserReader = (clerkId: string) => Promise<SequencedFetch>;

const windowMs = 2;

/** These codes may mean that Clerk is down or that one user is unreadable. A second request decides. */
const ambiguousCodes = new Set(["clerk.unavailable", "clerk.unreadable"]);

/** Reads one user that a deletion names, together with the other deletions of this moment. @throws AppError */
export type DeletionReader = (clerkId: string) => Promise<FetchResult>;

/**
 * Coalesces up to 99 concurrent reads, gathered over 2 ms, into one list by ids. Mostly the users are absent, and a list
 * with a sentinel user proves that for all of them. A single user, and users of an answer that proves nothing, are read by
 * their own ids.
 */
export function createDeletionReader(clerk: ClerkGateway, tracing?: Tracing): DeletionReader {
  let sentinel: string | null = null;

  async function readDeleted(ids: readonly string[]): Promise<Map<string, FetchResult>> {
    if (ids.length === 1) return readOneByOne(clerk, ids);
    try {
      // A signed event says that these users were there, so an answer of before them is no danger.
      const answer = await confirmAbsence(clerk, ids, sentinel, new Map());
      sentinel = answer.sentinel;
      const present = answer.present.map(({ clerkId, result }) => [clerkId ?? "", result] as const);
      return new Map<string, FetchResult>([
        ...present,
        ...answer.absent.map((id) => [id, { absent: true }] as const),
      ]);
    } catch (error) {
      if (readErrorCode(error) !== "reconcile.unconfirmed") await confirmClerkAnswers(clerk, error);
      return readOneByOne(clerk, ids);
    }
  }

  const loader = new DataLoader<Call, FetchResult>(
    async (calls) => {
      const ids = [...new Set(calls.map(({ clerkId }) => clerkId))];
      const results = await shareRead(tracing, calls, () => readDeleted(ids));
      return calls.map(({ clerkId }) => results.get(clerkId) ?? noOutcome());
    },
    {
      cache: false,
      maxBatchSize: maxIdsPerConfirmation,
      batchScheduleFn: (run) => setTimeout(run, windowMs),
    },
  );
  return (clerkId) => inChildSpan(tracing, userSpan, (caller) => loader.load({ clerkId, caller }));
}

/** A read, and the span that waits for it. */
type Call = { clerkId: string; caller: Span | undefined };

const userSpan = { name: "read user" };

function shareRead<T>(
  tracing: Tracing | undefined,
  calls: readonly Call[],
  read: () => Promise<T>,
): Promise<T> {
  const span = { name: "read users", attributes: { "rollcall.users": calls.length } };
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

/** With this many users in unanswered requests, the next request waits for more users. */
const manyInFlight = 50;
/** Half of them mostly come back within this time, after their write. A request that hangs delays the others no longer. */
const longestWindowMs = 50;

/** What a reader has asked Clerk, without reads that still wait for Postgres. The reader changes it. */
export type ReadLoad = { usersInFlight: number };

/**
 * Coalesces up to 100 concurrent reads into one request. They are gathered over 2 ms. Clerk limits requests and not users,
 * so while 50 users are in flight, a request waits until it is full, until fewer are in flight, or for 50 ms.
 */
export function createUserReader(
  clerk: ClerkGateway,
  pool: Pool,
  {
    longestMs = longestWindowMs,
    load = { usersInFlight: 0 },
    tracing,
  }: { longestMs?: number; load?: ReadLoad; tracing?: Tracing | undefined } = {},
): UserReader {
  const window = createReadWindow(longestMs);
  const loader = new DataLoader<Call, SequencedFetch>(
    async (calls) => {
      const answered = window.send(calls.length);
      const ids = calls.map(({ clerkId }) => clerkId);
      return shareRead(tracing, calls, () => readBatch({ clerk, pool, load }, ids)).finally(answered);
    },
    {
      // A cached answer would be older than the sync job that needs it.
      cache: false,
      maxBatchSize: maxIdsPerRead,
      batchScheduleFn: window.open,
    },
  );
  return (clerkId) =>
    inChildSpan(tracing, userSpan, (caller) => {
      const read = loader.load({ clerkId, caller });
      window.gather();
      return read;
    });
}

/** Decides when the users that are gathered leave. */
function createReadWindow(longestMs: number) {
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
      if (gathered === maxIdsPerRead) close();
    },
    /** @returns to be called once the request is answered */
    send(users: number): () => void {
      inFlight += users;
      return () => {
        inFlight -= users;
        if (isWaiting && leave) closeIfFree();
      };
    },
  };
}

async function readBatch(
  { clerk, pool, load }: { clerk: ClerkGateway; pool: Pool; load: ReadLoad },
  ids: readonly string[],
): Promise<(SequencedFetch | Error)[]> {
  const readSequence = await nextReadSequence(pool);
  load.usersInFlight += ids.length;
  const results = await readDistinct(clerk, [...new Set(ids)]).finally(() => {
    load.usersInFlight -= ids.length;
  });
  return ids.map((id) => {
    const result = results.get(id);
    return result ? { result, readSequence } : noOutcome();
  });
}

/**
 * Reads distinct ids. If a list request fails while Clerk answers others, or if its answer is over 10 MB, it is halved until the users that cannot be
 * read are alone. A list proves no absence, so each user that it lacks is read by its own id.
 *
 * @throws AppError when Clerk fails for every user
 */
async function readDistinct(clerk: ClerkGateway, ids: readonly string[]): Promise<Map<string, FetchResult>> {
  if (ids.length === 1) return readOneByOne(clerk, ids);
  try {
    const listed = await clerk.readUsers(ids);
    const missing = await readOneByOne(
      clerk,
      ids.filter((id) => !listed.has(id)),
    );
    return new Map([...listed, ...missing]);
  } catch (error) {
    if (!isTooLarge(error)) await confirmClerkAnswers(clerk, error);
    const middle = Math.ceil(ids.length / 2);
    const first = await readDistinct(clerk, ids.slice(0, middle));
    const second = await readDistinct(clerk, ids.slice(middle));
    return new Map([...first, ...second]);
  }
}

/** Makes one request for each user, all at once. A user that cannot be read does not fail the others. */
async function readOneByOne(clerk: ClerkGateway, ids: readonly string[]): Promise<Map<string, FetchResult>> {
  return new Map(
    await Promise.all(ids.map(async (id) => [id, await readAlone(clerk, () => clerk.readUser(id))] as const)),
  );
}

/**
 * Reads one user or organization, twice: the second attempt tells one that cannot be read from an outage that has just ended.
 *
 * @throws AppError when Clerk fails for every user
 */
export async function readAlone<Result>(
  clerk: Pick<ClerkGateway, "countUsers">,
  read: () => Promise<Result>,
): Promise<Result | { unreadable: AppError }> {
  try {
    return await read();
  } catch (error) {
    if (isTooLarge(error)) return { unreadable: error };
    await confirmClerkAnswers(clerk, error);
  }
  try {
    return await read();
  } catch (error) {
    if (isTooLarge(error)) return { unreadable: error };
    const { message } = getAmbiguous(error);
    return { unreadable: new AppError("clerk.unreadable", message) };
  }
}

/** Clerk answered, so this is no outage. */
function isTooLarge(error: unknown): error is AppError {
  return error instanceof AppError && error.code === "clerk.too_large";
}

/** @throws the error itself unless Clerk may have failed for this request alone */
function getAmbiguous(error: unknown): AppError {
  if (error instanceof AppError && ambiguousCodes.has(error.code)) return error;
  throw error;
}

/** @throws AppError when Clerk does not answer a request that names no user either */
async function confirmClerkAnswers(clerk: Pick<ClerkGateway, "countUsers">, failure: unknown): Promise<void> {
  const original = getAmbiguous(failure);
  try {
    await clerk.countUsers();
  } catch (error) {
    if (error instanceof AppError && !ambiguousCodes.has(error.code)) throw error;
    const { retryAfterMs } = original;
    throw new AppError("clerk.unavailable", original.message, {
      cause: original,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
  }
}
