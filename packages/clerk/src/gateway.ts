import { AppError } from "@rollcall/contracts";
import type { Tracing } from "@rollcall/observability";
import { Agent } from "undici";
import type { MembershipPair } from "./organization.ts";
import {
  type AskClerk,
  createOrganizationReads,
  type MembershipResult,
  type OrganizationReads,
} from "./organization-reads.ts";
import { type PartlyRead, readField } from "./read-fields.ts";
import { readMembership, readMemberships } from "./read-membership.ts";
import { ClerkRefusal, type ClerkRequestOptions, createAnswerBuffers, requestClerk } from "./request.ts";
import { type ClerkUser, readClerkUser } from "./user.ts";

/** Ids that `GET /v1/users?user_id=` takes in one request. */
export const maxIdsPerRead = 100;

/** The result of a Clerk request for one user. Unreadable: without a readable id, or over 10 MB. */
export type FetchResult = { found: ClerkUser } | { absent: true } | { unreadable: AppError };

export type ClerkGateway = OrganizationReads & {
  /** Reads the membership of a pair: see `readMembership`. */
  readMembership(pair: MembershipPair): Promise<MembershipResult>;
  /** Reads the memberships of up to 99 users of one organization: see `readMemberships`. */
  readMemberships(clerkOrgId: string, clerkIds: readonly string[]): Promise<Map<string, MembershipResult>>;
  /**
   * Reads one user. A 404 is an absence, not an error.
   *
   * @throws AppError `clerk.unavailable`, `clerk.rate_limited`, `clerk.unauthorized` or `clerk.unreadable`
   */
  readUser(clerkId: string): Promise<FetchResult>;
  /**
   * Reads up to 100 users in one request. An id that the answer lacks is not in the map, because a list alone proves no
   * absence.
   *
   * @throws AppError like `readUser`
   */
  readUsers(clerkIds: readonly string[]): Promise<Map<string, FetchResult>>;
  /**
   * Lists users in one request. `cursor_refused`: Clerk refuses `startingAfter`, because that user is gone or because Clerk
   * does not know the parameter, which its public description does not name.
   *
   * @param beforeParse is called once the answer is there, and keeps it as bytes until its promise resolves. Pages that
   * wait after they were parsed would fill the memory
   * @throws AppError like `readUser`
   */
  listUsers(
    query: UserListQuery,
    beforeParse?: () => Promise<unknown>,
  ): Promise<ListedUser[] | "cursor_refused">;
  /** Counts all users. This is the cheapest request without personal data. @throws AppError like `readUser` */
  countUsers(): Promise<number>;
  close(): Promise<void>;
};

/** The longest list that Clerk returns. For a higher limit it silently returns ten users. */
export const maxUsersPerPage = 500;

export type UserListQuery = {
  orderBy: "+created_at" | "-updated_at";
  /** Up to 500. */
  limit: number;
  offset?: number;
  /** The page begins after this user. */
  startingAfter?: string;
  /** Only users created later; milliseconds since the epoch. */
  createdAfterMs?: number;
  /** Only these, up to 100. */
  clerkIds?: readonly string[];
};

/** An entry of a list. The id is null when it cannot be read. */
export type ListedUser = { clerkId: string | null; result: Exclude<FetchResult, { absent: true }> };

export type ClerkGatewayOptions = {
  secretKey: string;
  /** Without a path, e.g. https://api.clerk.com */
  apiUrl: string;
  timeoutMs?: number;
  /** For lists, which hold up to 500 users. */
  listTimeoutMs?: number;
  /** Called with each request's HTTP status, or with timeout, network or unreadable. */
  onRequest?: (status: string) => void;
  tracing?: Tracing | undefined;
  /** Called once for each answer that holds such entries. */
  onPartlyRead?: (entries: readonly PartlyRead[]) => void;
};

/** A gateway to Clerk's Backend API over HTTP, with a timeout for every request and typed errors. */
export function createClerkGateway(options: ClerkGatewayOptions): ClerkGateway {
  // The ranges of a full sync may take 100 of them. A connection is opened when it is needed.
  const agent = new Agent({ connections: 128, connect: { timeout: 3_000 }, keepAliveTimeout: 30_000 });
  const requestOptions: ClerkRequestOptions = {
    dispatcher: agent,
    secretKey: options.secretKey,
    apiUrl: options.apiUrl,
    timeoutMs: options.timeoutMs ?? 5_000,
    tracing: options.tracing,
    onRequest: options.onRequest ?? (() => undefined),
    buffers: createAnswerBuffers(),
  };

  function reportEntries(partlyRead: readonly PartlyRead[]): void {
    if (partlyRead.length > 0) options.onPartlyRead?.(partlyRead);
  }

  function report(results: readonly FetchResult[]): void {
    reportEntries(
      results.flatMap((result) =>
        "found" in result && result.found.unreadable
          ? [{ clerkId: result.found.id, fields: result.found.unreadable }]
          : [],
      ),
    );
  }

  const listTimeoutMs = options.listTimeoutMs ?? 15_000;
  const ask: AskClerk = (path, read, { template, isList, beforeParse }) =>
    requestClerk(
      isList ? { ...requestOptions, timeoutMs: listTimeoutMs, beforeParse } : requestOptions,
      path,
      read,
      template,
    );

  const organizations = createOrganizationReads(ask, reportEntries);

  return {
    readUser: async (clerkId) => {
      const path = `/v1/users/${encodeURIComponent(clerkId)}`;
      const result = await requestClerk(requestOptions, path, readEntry, "/v1/users/{id}");
      if (result === undefined) return { absent: true };
      if ("found" in result && result.found.id !== clerkId)
        return unreadable("another id than the requested one");
      report([result]);
      return result;
    },
    readUsers: async (clerkIds) => {
      const query = new URLSearchParams({ limit: String(clerkIds.length) });
      for (const id of clerkIds) query.append("user_id", id);
      const listed = await requestClerk(requestOptions, `/v1/users?${query}`, readList);
      if (listed === undefined) throw notAList();
      report(listed.map(({ result }) => result));
      // An entry without a readable id cannot be matched to a user.
      return new Map(listed.flatMap(({ clerkId, result }) => (clerkId === null ? [] : [[clerkId, result]])));
    },
    listUsers: async (query, beforeParse) => {
      const listOptions = { ...requestOptions, timeoutMs: listTimeoutMs, beforeParse };
      try {
        const listed = await requestClerk(listOptions, `/v1/users?${toParameters(query)}`, readList);
        if (listed) {
          report(listed.map(({ result }) => result));
          return listed;
        }
        if (query.startingAfter === undefined) throw notAList();
      } catch (error) {
        if (!(error instanceof ClerkRefusal) || query.startingAfter === undefined) throw error;
      }
      return "cursor_refused";
    },
    countUsers: async () => {
      const count = await requestClerk(requestOptions, "/v1/users/count", readCount);
      if (count === undefined) throw notACount();
      return count;
    },
    ...organizations,
    readMembership: (pair) => readMembership(organizations, pair),
    readMemberships: (clerkOrgId, clerkIds) => readMemberships(organizations, clerkOrgId, clerkIds),
    close: () => agent.close(),
  };
}

function toParameters(query: UserListQuery): URLSearchParams {
  const parameters = new URLSearchParams({ limit: String(query.limit), order_by: query.orderBy });
  const { offset, startingAfter, createdAfterMs, clerkIds = [] } = query;
  if (offset !== undefined) parameters.set("offset", String(offset));
  if (startingAfter !== undefined) parameters.set("starting_after", startingAfter);
  if (createdAfterMs !== undefined) parameters.set("created_at_after", String(createdAfterMs));
  for (const id of clerkIds) parameters.append("user_id", id);
  return parameters;
}

function readList(body: unknown): ListedUser[] {
  if (!Array.isArray(body)) throw notAList();
  return body.map(toListedUser);
}

function toListedUser(entry: unknown): ListedUser {
  const result = readEntry(entry);
  return { clerkId: "found" in result ? result.found.id : null, result };
}

function readEntry(entry: unknown): ListedUser["result"] {
  const user = readClerkUser(entry);
  return user ? { found: user } : unreadable("no readable id");
}

function unreadable(why: string): { unreadable: AppError } {
  return { unreadable: new AppError("clerk.unreadable", `A user at Clerk has ${why}`) };
}

function readCount(body: unknown): number {
  const count = readField(body, "total_count");
  if (typeof count === "number" && Number.isInteger(count)) return count;
  throw notACount();
}

const notAList = () => new AppError("clerk.unreadable", "Clerk's user list is not an array");
const notACount = () => new AppError("clerk.unreadable", "Clerk's user count is not a number");
