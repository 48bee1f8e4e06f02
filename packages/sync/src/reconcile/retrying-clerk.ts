import { setTimeout as sleep } from "node:timers/promises";
import {
  type ClerkGateway,
  type FetchResult,
  type ListedMembership,
  type ListedOrganization,
  type ListedUser,
  type MembershipLister,
  type MembershipListQuery,
  maxUsersPerPage,
  type OrganizationListQuery,
  type UserListQuery,
} from "@rollcall/clerk";

import { AppError, type ErrorCode, readErrorCode } from "@rollcall/contracts";
import { type Pool, type RequestBudget, takeClerkRequest } from "@rollcall/db";
import type { Logger } from "@rollcall/observability";

/** Clerk inside a run: requests stay within the budget and are retried after failures that pass. */
export type RetryingClerk = MembershipLister & {
  listUsers(query: UserListQuery): Promise<ListedUser[] | "cursor_refused">;
  /**
   * Lists up to `limit` users. A page over 10 MB is asked for again in half the size, down to one user. A single user over
   * 10 MB is an entry without an id.
   *
   * @param turn is entered before the answer is parsed, and left after a failure. The caller leaves it after a success
   */
  listPage(query: UserListQuery, turn?: Turn): Promise<ListedPage | "cursor_refused">;
  readUser(clerkId: string): Promise<FetchResult>;
  countUsers(): Promise<number>;
  /** Lists up to `limit` organizations, in a smaller page if need be, as `listPage` does. */
  listOrganizationPage(query: OrganizationListQuery): Promise<EntryPage<ListedOrganization>>;
  /** Lists up to `limit` memberships like organizations. `absent`: Clerk has no such organization or user. */
  listMembershipPage(query: MembershipListQuery): Promise<EntryPage<ListedMembership> | "absent">;
};

/** `totalCount` counts the whole list. It is null for the answer of a single entry over 10 MB. */
export type EntryPage<Entry> = {
  entries: Entry[];
  totalCount: number | null;
  /** Clerk returned fewer entries than the request allowed, so the list ends here. */
  isShort: boolean;
};

/** The slot of one page, in which it is parsed and written. */
export type Turn = {
  /** Resolves once the slot is taken; at once if it is already. */
  enter(): Promise<void>;
  /** Gives the slot back. The turn may be entered again. */
  leave(): void;
};

export type ListedPage = {
  users: ListedUser[];
  /** Clerk returned fewer users than the request allowed, so the list ends here. */
  isShort: boolean;
};

export type RetryContext = {
  log: Logger;
  /** How long a dependency may fail before the run fails; 10 minutes by default. */
  retryForMs?: number;
};

export type ClerkContext = RetryContext & {
  pool: Pool;
  clerk: ClerkGateway;
  /** The number of requests to Clerk for all processes together: see `decideRequestBudget`. */
  budget: RequestBudget;
};

/** Lets requests to Clerk pass one after the other, within the budget. Lanes of one walk share a gate. */
export type RequestGate = {
  /** Resolves when a request may be sent. @throws the signal's reason once it is aborted */
  pass(): Promise<void>;
  /** Lets no request pass for this time: Clerk answered one of them with 429. */
  pause(waitMs: number): void;
};

/**
 * One request after the other takes its place in the budget. Otherwise all lanes would hold a connection to Postgres while
 * they wait for the budget's lock.
 */
export function createRequestGate({ pool, budget }: ClerkContext, signal: AbortSignal): RequestGate {
  const inSequence = createSequence();
  let pausedUntilMs = 0;
  return {
    pass: () =>
      inSequence(async () => {
        for (;;) {
          signal.throwIfAborted();
          const pausedMs = pausedUntilMs - Date.now();
          const waitMs = pausedMs > 0 ? pausedMs : await takeClerkRequest(pool, budget);
          if (waitMs === 0) return;
          await sleep(waitMs, undefined, { signal });
        }
      }),
    pause: (waitMs) => {
      pausedUntilMs = Math.max(pausedUntilMs, Date.now() + waitMs);
    },
  };
}

/** Runs tasks one after the other, in the order of the calls. */
export type Sequence = <T>(task: () => Promise<T>) => Promise<T>;

export function createSequence(): Sequence {
  let last: Promise<unknown> = Promise.resolve();
  return (task) => {
    const next = last.then(task);
    last = next.catch(() => undefined);
    return next;
  };
}

/** @param signal ends requests and waits when it is aborted */
export function createRetryingClerk(
  context: ClerkContext,
  signal: AbortSignal,
  gate: RequestGate = createRequestGate(context, signal),
): RetryingClerk {
  const { clerk } = context;

  /** Takes a place in the budget before each attempt: Clerk counts failed requests too. */
  async function withinBudget<T>(request: () => Promise<T>): Promise<T> {
    await gate.pass();
    try {
      return await request();
    } catch (error) {
      if (error instanceof AppError && error.code === "clerk.rate_limited")
        gate.pause(error.retryAfterMs ?? 0);
      throw error;
    }
  }

  async function listWithin(query: UserListQuery, turn: Turn | undefined) {
    try {
      return await clerk.listUsers(query, turn?.enter);
    } catch (error) {
      // A request that waits for its retry must not keep other pages waiting.
      turn?.leave();
      throw error;
    }
  }

  const listUsers = (query: UserListQuery, turn?: Turn) =>
    withRetry(context, signal, () => withinBudget(() => listWithin(query, turn)));

  const within = <T>(request: () => Promise<T>) => withRetry(context, signal, () => withinBudget(request));

  const listMemberships = (query: MembershipListQuery) => within(() => clerk.listMemberships(query));

  const fitUsers = createFitter(context.log);
  const fitOrganizations = createFitter(context.log);
  const fitMemberships = createFitter(context.log);

  return {
    listUsers: (query) => listUsers(query),
    listPage: async (query, turn) => {
      const { limit, answer } = await fitUsers(query.limit, (limit) => listUsers({ ...query, limit }, turn));
      if (answer instanceof AppError)
        return { users: [{ clerkId: null, result: { unreadable: answer } }], isShort: false };
      return answer === "cursor_refused" ? answer : { users: answer, isShort: answer.length < limit };
    },
    readUser: (clerkId) => within(() => clerk.readUser(clerkId)),
    countUsers: () => within(() => clerk.countUsers()),
    readOrganization: (clerkOrgId) => within(() => clerk.readOrganization(clerkOrgId)),
    listMemberships,
    listOrganizationPage: async (query) => {
      const { limit, answer } = await fitOrganizations(query.limit, (limit) =>
        within(() => clerk.listOrganizations({ ...query, limit })),
      );
      if (answer instanceof AppError)
        return toEntryPage([{ clerkOrgId: null, result: { unreadable: answer } }], null, limit);
      return toEntryPage(answer.organizations, answer.totalCount, limit);
    },
    listMembershipPage: async (query) => {
      const { limit, answer } = await fitMemberships(query.limit, (limit) =>
        listMemberships({ ...query, limit }),
      );
      if (answer === "absent") return answer;
      if (answer instanceof AppError)
        return toEntryPage([{ pair: null, result: { unreadable: answer } }], null, limit);
      return toEntryPage(answer.memberships, answer.totalCount, limit);
    },
  };
}

function toEntryPage<Entry>(entries: Entry[], totalCount: number | null, limit: number): EntryPage<Entry> {
  return { entries, totalCount, isShort: entries.length < limit };
}

/**
 * Makes a function that asks for a page again in half the size when the answer is over 10 MB. The size that fitted is kept
 * for the next pages, because each page that is too large costs 10 MB for nothing. The answer is the error if one entry
 * alone is too large.
 */
function createFitter(log: Logger) {
  let pageSize = maxUsersPerPage;
  let fits = 0;

  return async <Page>(
    wanted: number,
    request: (limit: number) => Promise<Page>,
  ): Promise<{ limit: number; answer: Page | AppError }> => {
    for (;;) {
      const limit = Math.min(wanted, pageSize);
      try {
        const answer = await request(limit);
        if (++fits % pagesBeforeGrowth === 0) pageSize = Math.min(maxUsersPerPage, pageSize * 2);
        return { limit, answer };
      } catch (error) {
        if (!(error instanceof AppError) || error.code !== "clerk.too_large") throw error;
        fits = 0;
        if (limit === 1) return { limit, answer: error };
        pageSize = Math.ceil(limit / 2);
        log.info({ code: error.code, pageSize }, "A page is asked for again, smaller");
      }
    }
  };
}

const pagesBeforeGrowth = 10;

const windowMs = 10_000;
/** A request may arrive later than it was granted. The margin keeps two bursts out of one window at Clerk. */
const marginMs = 1_000;

/**
 * The number of requests that reconcile may make: a share of Clerk's limit, which the app needs too. The limit is 1000
 * in 10 s for a production key and 100 for a development key. Source: Clerk's "Rate limits" guide.
 */
export function decideRequestBudget(secretKey: string, share: number): RequestBudget {
  const limit = secretKey.startsWith("sk_live_") ? 1_000 : 100;
  return { requests: Math.max(1, Math.floor(limit * share)), windowMs: windowMs + marginMs };
}

/** Failures that end without a change on our side. */
const passing: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "clerk.unavailable",
  "clerk.rate_limited",
  "queue.unavailable",
]);
/** Failures that may pass. Three of them are taken for lasting. */
const doubtful: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["clerk.unreadable", "clerk.unauthorized"]);
const attemptsWhenDoubtful = 3;

const defaultRetryForMs = 10 * 60_000;
const firstWaitMs = 250;
const maxWaitMs = 5_000;

/**
 * Repeats `attempt` while a dependency is away, so that an outage does not fail a run. It honours `Retry-After`.
 *
 * @throws AppError when the failure lasts longer than `retryForMs` or is not one that passes; the signal's reason when it
 * is aborted
 */
export async function withRetry<T>(
  { log, retryForMs = defaultRetryForMs }: RetryContext,
  signal: AbortSignal,
  attempt: () => Promise<T>,
): Promise<T> {
  let failsSinceMs: number | undefined;
  let doubtfulFailures = 0;
  for (let attempts = 1; ; attempts++) {
    signal.throwIfAborted();
    try {
      return await unlessAborted(attempt(), signal);
    } catch (error) {
      signal.throwIfAborted();
      if (isDoubtful(error)) doubtfulFailures++;
      if (!isPassing(error) && (!isDoubtful(error) || doubtfulFailures === attemptsWhenDoubtful)) throw error;
      failsSinceMs ??= Date.now();
      const waitMs = Math.max(
        error.retryAfterMs ?? 0,
        Math.min(firstWaitMs * 2 ** (attempts - 1), maxWaitMs),
      );
      if (Date.now() + waitMs - failsSinceMs > retryForMs) throw describeLasting(error, failsSinceMs);
      log.warn({ event: "reconcile_waits", code: error.code, waitMs }, "A run waits for a dependency");
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
    }
  }
}

function isPassing(error: unknown): error is AppError {
  return passing.has(readErrorCode(error));
}

function isDoubtful(error: unknown): error is AppError {
  return doubtful.has(readErrorCode(error));
}

function describeLasting(error: AppError, sinceMs: number): AppError {
  const minutes = Math.floor((Date.now() - sinceMs) / 60_000);
  if (minutes < 1) return error;
  return new AppError(error.code, `${error.message}. This lasted ${minutes} minutes`, { cause: error });
}

/**
 * Stops waiting when the signal is aborted. The work itself goes on, so it must be a read or safe to repeat.
 *
 * The listener is removed by hand. With the option `signal`, Node forgets to remove one of several listeners that wait at
 * once, and each keeps the page that its work returned.
 */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop);
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
    work.catch(() => undefined);
  }
}
