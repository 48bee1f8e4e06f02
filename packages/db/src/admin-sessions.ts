import { z } from "zod";
import { recordAdminEvents } from "./events.ts";
import type { Pool, Queryable } from "./pool.ts";
import { readRow, readRows } from "./rows.ts";
import { inTransaction } from "./transaction.ts";

/** A working day without use, and a day in all. Postgres' clock counts, so all processes agree. */
const idle = "interval '8 hours'";
const longest = "interval '24 hours'";
/** A session that is used is written once a minute at most. */
const seenEvery = "interval '1 minute'";
const mostPerOperator = 50;

const isOpen = `ends_at > now() and last_seen_at > now() - ${idle}`;

const iso = z.date().transform((date) => date.toISOString());

const sessionRow = z.object({
  id: z.coerce.number(),
  operator: z.string(),
  createdAt: iso,
  lastSeenAt: iso,
  expiresAt: iso,
});

export type AdminSession = z.infer<typeof sessionRow>;

const columns = `
id, operator, created_at as "createdAt", last_seen_at as "lastSeenAt",
least(ends_at, last_seen_at + ${idle}) as "expiresAt"
`;

export type NewAdminSession = {
  idHash: Buffer;
  operator: string;
  accountHash: Buffer;
  /** The session that the browser had before: it ends, so that no id outlives a login. */
  replaces: Buffer | undefined;
};

const insert = `
insert into rollcall.admin_sessions (id_hash, operator, account_hash, ends_at)
values ($1, $2, $3, now() + ${longest})
returning ${columns}
`;

// A program that logs in with each call would otherwise fill the table.
const endOldest = `
delete from rollcall.admin_sessions where id in (
  select id from rollcall.admin_sessions where operator = $1 order by id desc offset ${mostPerOperator}
)
`;

/** Opens a session and records the login in the timeline. */
export function openAdminSession(pool: Pool, session: NewAdminSession): Promise<AdminSession> {
  const { idHash, operator, accountHash, replaces } = session;
  return inTransaction(pool, async (client) => {
    if (replaces) await client.query("delete from rollcall.admin_sessions where id_hash = $1", [replaces]);
    const opened = readRow(sessionRow, (await client.query(insert, [idHash, operator, accountHash])).rows);
    await client.query(endOldest, [operator]);
    const details = { sessionId: opened.id };
    await recordAdminEvents(client, operator, [{ clerkId: null, kind: "operator_logged_in", details }]);
    return opened;
  });
}

/** The open session with this hash of an id. */
export async function findAdminSession(db: Queryable, idHash: Buffer): Promise<AdminSession | undefined> {
  const result = await db.query(
    `select ${columns} from rollcall.admin_sessions where id_hash = $1 and ${isOpen}`,
    [idHash],
  );
  return readRows(sessionRow, result.rows)[0];
}

/** The sessions among `ids` that are still open. A stream that outlives its first check asks again. */
export async function findOpenAdminSessions(
  db: Queryable,
  ids: readonly number[],
): Promise<ReadonlySet<number>> {
  const result = await db.query(
    `select id from rollcall.admin_sessions where id = any ($1::bigint[]) and ${isOpen}`,
    [ids],
  );
  return new Set(readRows(z.object({ id: z.coerce.number() }), result.rows).map(({ id }) => id));
}

/** Notes that the session is in use, at most once a minute. An ended session stays ended. */
export async function touchAdminSession(db: Queryable, id: number): Promise<void> {
  await db.query(
    `update rollcall.admin_sessions set last_seen_at = now()
     where id = $1 and last_seen_at < now() - ${seenEvery} and ${isOpen}`,
    [id],
  );
}

/** The open sessions of the accounts, newest first. */
export async function listAdminSessions(
  db: Queryable,
  accountHashes: readonly Buffer[],
): Promise<AdminSession[]> {
  const result = await db.query(
    `select ${columns} from rollcall.admin_sessions where account_hash = any ($1::bytea[]) and ${isOpen} order by id desc`,
    [accountHashes],
  );
  return readRows(sessionRow, result.rows);
}

/** Ends a session, and records it in the timeline if it was still open. */
export function closeAdminSession(
  pool: Pool,
  {
    id,
    by,
    ofOperator,
    kind,
  }: {
    id: number;
    by: string;
    /** Ends only a session of this operator. */
    ofOperator?: string | undefined;
    kind: "operator_logged_out" | "operator_session_revoked";
  },
): Promise<{ operator: string } | undefined> {
  return inTransaction(pool, async (client) => {
    const result = await client.query(
      `delete from rollcall.admin_sessions where id = $1 and ($2::text is null or operator = $2) and ${isOpen}
       returning operator`,
      [id, ofOperator ?? null],
    );
    const [ended] = readRows(z.object({ operator: z.string() }), result.rows);
    if (!ended) return undefined;
    const details = { sessionId: id, operator: ended.operator };
    await recordAdminEvents(client, by, [{ clerkId: null, kind, details }]);
    return ended;
  });
}

/**
 * Deletes sessions that are over, and those of accounts that are no longer configured in this way.
 *
 * @returns the number of open sessions that ended because of their account
 */
export async function pruneAdminSessions(db: Queryable, accountHashes: readonly Buffer[]): Promise<number> {
  const result = await db.query(
    `with ended as (
       delete from rollcall.admin_sessions where account_hash <> all ($1::bytea[]) or not (${isOpen})
       returning ${isOpen} as was_open
     )
     select count(*)::int as count from ended where was_open`,
    [accountHashes],
  );
  return readRow(z.object({ count: z.number() }), result.rows).count;
}
