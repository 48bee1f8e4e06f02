import { maxUsersPerPage } from "@rollcall/clerk";
import {
  addMissingCandidates,
  countUsersByState,
  countUsersWhenDue,
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
import { type KnownPage, renameUser, replaceUser, writeUsers } from "../rows/pages.ts";

/** A statement of the product, called for one page. */
export type StatementRun = {
  name: string;
  times: number;
  call(pool: Pool, page: KnownPage): Promise<unknown>;
};

const many = 40;
const few = 3;
const absence = { cause: "reconcile", ref: "1", by: "absence" } as const;
const page = `a page of ${maxUsersPerPage}`;

/** The statements of a full sync, a login, operators and timers. Their writes are rolled back. */
export function listStatementRuns(runId: number): StatementRun[] {
  return [
    {
      name: `digest-rows, ${page}`,
      times: many,
      call: (pool, { users, afterMs }) =>
        digestRows(pool, { afterMs, untilMs: users.at(-1)?.clerkCreatedAtMs ?? null }, true),
    },
    { name: `find-drift, ${page}`, times: many, call: (pool, { users }) => findDrift(pool, users, true) },
    {
      name: `add-missing-candidates, ${page}`,
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
      name: `the write, ${page} changed users`,
      times: many,
      call: (pool, { users }) =>
        inRolledBackTransaction(pool, (client) => writeUsers(client, users.map(renameUser))),
    },
    {
      name: `the write, ${page} new users`,
      times: many,
      call: (pool, { users }) =>
        inRolledBackTransaction(pool, (client) => writeUsers(client, users.map(replaceUser))),
    },
    {
      name: `the deletion, ${page} absent users`,
      times: many,
      call: (pool, { users }) => {
        const clerkIds = users.map(({ clerkId }) => clerkId);
        return inRolledBackTransaction(pool, (client) => tombstoneEach(client, clerkIds, absence));
      },
    },
    {
      name: "a login's row",
      times: many,
      call: (pool, { users }) => findSession(pool, users[0]?.clerkId ?? ""),
    },
    {
      name: "a user's timeline",
      times: many,
      call: (pool, { users }) => listEventsOfUser(pool, users[0]?.clerkId ?? "", 100),
    },
    {
      name: "prune-events, 5000 are due",
      times: few,
      call: (pool) => inRolledBackTransaction(pool, (client) => pruneEvents(client, { days: 0 })),
    },
    { name: "prune-events, none is due", times: few, call: (pool) => pruneEvents(pool) },
    {
      name: "list-users by a part without a match",
      times: few,
      call: (pool) => listUsers(pool, { filter: { query: "zzzz" }, cursor: undefined, limit: 50 }),
    },
    {
      name: "all counts of the incremental sync",
      times: 1,
      call: async (pool) => {
        await pool.query("delete from rollcall.user_counts");
        return countUsersWhenDue(pool);
      },
    },
    { name: "count-users-by-state, of metrics", times: few, call: (pool) => countUsersByState(pool) },
    {
      name: "count-without-profile, of rollcall status",
      times: few,
      call: (pool) => countWithoutProfile(pool),
    },
  ];
}
