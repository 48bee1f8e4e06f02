import { hash } from "node:crypto";
import { z } from "zod";
import type { Queryable } from "./pool.ts";
import { lacksProfile } from "./profiles.ts";
import { readRow, readRows } from "./rows.ts";
import { perTables, type Tables } from "./tables.ts";
import { isPartlyRead, listUnread, type MappedColumn, type UserSnapshot } from "./user-columns.ts";

/**
 * How a user's rows differ from Clerk. missing_row: there is no row. older_row: the row has other values, or an older
 * version. missing_profile: a profile is due and missing. released: a deletion is held, and Clerk has the user.
 */
const driftKind = z.enum(["missing_row", "older_row", "missing_profile", "released"]);

export type DriftKind = z.infer<typeof driftKind>;

/**
 * A row differs if the write would change more than its read sequence. The conditions are those of applySnapshots. A
 * profile is due if giveProfiles would make or link one. $1 says whether profiles are made for all users.
 */
const compareUsers = (tables: Tables, rows: string, u = tables.users) => `
with compared as (
  select s.clerk_id,
    case
      when u.${u.id} is null then 'missing_row'
      when u.${u.deletedAt} is not null then null
      when (coalesce(s.clerk_updated_at, '-infinity'), s.read_ticket) > (coalesce(u.clerk_updated_at, '-infinity'), coalesce(u.read_ticket, 0))
        and (
          ${u.differAtAll}
          or (${u.roleFollowsClerk} and u.${u.role}::text <> case when s.is_admin then 'admin' else 'user' end)
        ) then 'older_row'
      when ${lacksProfile(tables, "$1")} then 'missing_profile'
      when exists (select from rollcall.held_deletions h where h.clerk_id = s.clerk_id) then 'released'
    end as kind
  from ${rows}
  -- One lookup for each user. A plan that was made while the table was small would otherwise keep reading all of it.
  left join lateral (select * from ${u.from} where ${u.clerkId} = s.clerk_id limit 1) u on true
)
select clerk_id as "clerkId", kind from compared where kind is not null
`;

const comparisons = perTables((tables) => ({
  whole: compareUsers(tables, tables.users.snapshotRows(2)),
  partlyRead: compareUsers(tables, tables.users.partlyReadRows(2)),
}));

const driftRow = z.object({ clerkId: z.string(), kind: driftKind });

/** Finds the users whose rows differ. @param create whether profiles are made for all users */
export async function findDrift(
  db: Queryable,
  snapshots: readonly UserSnapshot[],
  create: boolean,
): Promise<Map<string, DriftKind>> {
  const values = [create, ...db.tables.users.listParameters(snapshots)];
  const result = snapshots.some(isPartlyRead)
    ? await db.query(comparisons(db).partlyRead, [...values, listUnread(snapshots)])
    : await db.query(comparisons(db).whole, values);
  return new Map(readRows(driftRow, result.rows).map(({ clerkId, kind }) => [clerkId, kind]));
}

/** Creation times at Clerk, in milliseconds: exclusive, then inclusive. Null is no bound. */
export type CreationRange = { afterMs: number | null; untilMs: number | null };

/**
 * Whether a row `u` is in the range of the two parameters. The bounds are infinite, because with "or $1 is null" a
 * prepared statement would read the whole table for each page.
 */
export const createdWithin = (afterMs: `$${number}`, untilMs: `$${number}`) => `(
  u.clerk_created_at > coalesce(timestamptz 'epoch' + ${afterMs}::bigint * interval '1 millisecond', '-infinity')
  and u.clerk_created_at <= coalesce(timestamptz 'epoch' + ${untilMs}::bigint * interval '1 millisecond', 'infinity')
)`;

/**
 * A column as text, equal to `encode` of the same value. Text has its length in front, so no text can look like the
 * end of one field and the start of the next. Times are microseconds, because a part of a millisecond is a difference.
 * A time out of JavaScript's range becomes `?`, which equals no value of Clerk.
 */
function encodeInSql(type: "text" | "boolean" | "time", column: string): string {
  const encoded = {
    text: `octet_length(${column}::text) || ':' || ${column}::text`,
    boolean: `case when ${column} then 't' else 'f' end`,
    time: `case when ${column} between 'epoch' and '9999-12-31+00'
           then (extract(epoch from ${column}) * 1000000)::bigint || ',' else '?' end`,
  };
  return `case when ${column} is null then '-' else ${encoded[type]} end`;
}

function encode(value: string | number | boolean | null): string {
  if (value === null) return "-";
  if (typeof value === "string") return `${Buffer.byteLength(value)}:${value}`;
  if (typeof value === "boolean") return value ? "t" : "f";
  return `${value * 1_000},`;
}

/**
 * All users that the range should show, one line each in the order of creation. It covers the same columns as
 * find-drift. A role that the app decided, a missing profile and a held deletion become `?`, so that find-drift
 * compares the page user by user.
 */
const digestOfRows = perTables((tables) => {
  const { users: u } = tables;
  return `
with lines as (
  select u.clerk_created_at as clerk_created_at, u.${u.clerkId} as clerk_id,
    ${[encodeInSql("text", `u.${u.clerkId}`), ...u.clerkColumns.map(({ column, type }) => encodeInSql(type, `u.${column}`))].join("\n    || ")}
    || case when ${u.roleFollowsClerk} then case u.${u.role}::text when 'admin' then 'a' else 'u' end else '?' end
    || case when ${lacksProfile(tables, "$3")} then '?' else '' end
    || case when exists (select from rollcall.held_deletions h where h.clerk_id = u.${u.clerkId}) then '?' else '' end
    as line
  from ${u.rows} u
  where u.${u.deletedAt} is null and ${createdWithin("$1", "$2")}
)
select encode(sha256(convert_to(
  coalesce(string_agg(line, '' order by clerk_created_at, clerk_id collate "C"), ''), 'UTF8'
)), 'hex') as digest
from lines
`;
});

const digestRow = z.object({ digest: z.string() });

/**
 * A digest of our live rows of a range, in 64 hexadecimal digits. It equals `digestSnapshots` of the same users if and
 * only if nothing differs.
 *
 * @param create whether profiles are made for all users
 */
export async function digestRows(db: Queryable, range: CreationRange, create: boolean): Promise<string> {
  const values = [range.afterMs, range.untilMs, create];
  const result = await db.query(digestOfRows(db), values);
  return readRow(digestRow, result.rows).digest;
}

/** The digest that the rows of these users should have: see `digestRows`. */
export function digestSnapshots(
  { tables }: Pick<Queryable, "tables">,
  snapshots: readonly UserSnapshot[],
): string {
  const { clerkColumns } = tables.users;
  const lines = snapshots.toSorted(byCreation).map((snapshot) => toLine(snapshot, clerkColumns));
  return hash("sha256", lines.join(""));
}

function byCreation(a: UserSnapshot, b: UserSnapshot): number {
  return (a.clerkCreatedAtMs ?? 0) - (b.clerkCreatedAtMs ?? 0) || (a.clerkId < b.clerkId ? -1 : 1);
}

function toLine(snapshot: UserSnapshot, columns: readonly MappedColumn[]): string {
  let line = encode(snapshot.clerkId);
  for (const { property } of columns) line += encode(snapshot[property]);
  return line + (snapshot.isAdmin ? "a" : "u");
}
