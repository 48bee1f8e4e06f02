import { maxUsersPerPage } from "@rollcall/clerk";
import {
  addMissingCandidates,
  countUsers,
  countUsersByState,
  countWithoutProfile,
  digestRows,
  findDrift,
  findSession,
  inRolledBackTransaction,
  listEventsOfUser,
  listUsers,
  type Pool,
  pruneEvents,
  tombstoneEach,
} from "@rollcall/db";
import type { KnownPage } from "./known-page.ts";
import { renameUser, replaceUser, writeUsers } from "./page-writes.ts";

/** A statement as its caller has it, with the page that it is about. */
export type StatementRun = {
  what: string;
  times: number;
  call(pool: Pool, page: KnownPage): Promise<unknown>;
};

const many = 40;
const few = 3;
const absence = { cause: "reconcile", ref: "1", by: "absence" } as const;
const page = `a page of ${maxUsersPerPage}`;

/** What a sweep, a login, ops and the clock ask of the tables. Nothing that they write stays. */
export function listStatementRuns(runId: number): StatementRun[] {
  return [
    {
      what: `digest-rows, ${page}`,
      times: many,
      call: (pool, { users, afterMs }) =>
        digestRows(pool, { afterMs, untilMs: users.at(-1)?.clerkCreatedAtMs ?? null }, true),
    },
    { what: `find-drift, ${page}`, times: many, call: (pool, { users }) => findDrift(pool, users, true) },
    {
      what: `add-missing-candidates, ${page}`,
      times: many,
      call: (pool, { users, afterMs }) => {
        const clerkIds = users.map(({ clerkId }) => clerkId);
        const untilMs = users.at(-1)?.clerkCreatedAtMs ?? null;
        return inRolledBackTransaction(pool, (client) =>
          addMissingCandidates(client, runId, { clerkIds, afterMs, untilMs }),
        );
      },
    },
    {
      what: `the write, ${page} who changed`,
      times: many,
      call: (pool, { users }) =>
        inRolledBackTransaction(pool, (client) => writeUsers(client, users.map(renameUser))),
    },
    {
      what: `the write, ${page} who are new`,
      times: many,
      call: (pool, { users }) =>
        inRolledBackTransaction(pool, (client) => writeUsers(client, users.map(replaceUser))),
    },
    {
      what: `the deletion, ${page} who are absent`,
      times: many,
      call: (pool, { users }) => {
        const clerkIds = users.map(({ clerkId }) => clerkId);
        return inRolledBackTransaction(pool, (client) => tombstoneEach(client, clerkIds, absence));
      },
    },
    {
      what: "a login's row",
      times: many,
      call: (pool, { users }) => findSession(pool, users[0]?.clerkId ?? ""),
    },
    {
      what: "a user's timeline",
      times: many,
      call: (pool, { users }) => listEventsOfUser(pool, users[0]?.clerkId ?? "", 100),
    },
    {
      what: "prune-events, 5000 are due",
      times: few,
      call: (pool) => inRolledBackTransaction(pool, (client) => pruneEvents(client, 0)),
    },
    { what: "prune-events, none is due", times: few, call: (pool) => pruneEvents(pool, 90) },
    {
      what: "list-users by a part that nobody has",
      times: few,
      call: (pool) => listUsers(pool, { query: "zzzz", cursor: undefined, limit: 50 }),
    },
    { what: "count-users, of each catch-up", times: few, call: (pool) => countUsers(pool) },
    { what: "count-users-by-state, of metrics", times: few, call: (pool) => countUsersByState(pool) },
    {
      what: "count-without-profile, of rollcall status",
      times: few,
      call: (pool) => countWithoutProfile(pool),
    },
  ];
}
