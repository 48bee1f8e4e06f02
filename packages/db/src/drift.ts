import { createHash } from "node:crypto";
import { z } from "zod";
import type { Queryable } from "./pool.ts";
import { lacksProfile } from "./profiles.ts";
import { readRow, readRows } from "./rows.ts";
import {
  clerkColumns,
  differAtAll,
  isPartlyRead,
  listParameters,
  listUnread,
  partlyReadRows,
  roleFollowsClerk,
  snapshotRows,
  type UserSnapshot,
} from "./user-columns.ts";

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
const compareUsers = (rows: string) => `
with compared as (
  select s.clerk_id,
    case
      when u.id is null then 'missing_row'
      when u.deleted_at is not null then null
      when (coalesce(s.clerk_updated_at, '-infinity'), s.read_ticket) > (coalesce(u.clerk_updated_at, '-infinity'), coalesce(u.read_ticket, 0))
        and (
          ${differAtAll("u", "s")}
          or (${roleFollowsClerk} and u.role::text <> case when s.is_admin then 'admin' else 'user' end)
        ) then 'older_row'
      when ${lacksProfile("$1")} then 'missing_profile'
      when exists (select from rollcall.held_deletions h where h.clerk_id = s.clerk_id) then 'released'
    end as kind
  from ${rows}
  -- One lookup for each user. A plan that was made while the table was small would otherwise keep reading all of it.
  left join lateral (select * from public.users where clerk_id = s.clerk_id limit 1) u on true
)
select clerk_id as "clerkId", kind from compared where kind is not null
`;

const compareWhole = compareUsers(snapshotRows(2));
const comparePartlyRead = compareUsers(partlyReadRows(2));

const driftRow = z.object({ clerkId: z.string(), kind: driftKind });

/** Finds the users whose rows differ. @param create whether profiles are made for all users */
export async function findDrift(
  db: Queryable,
  snapshots: readonly UserSnapshot[],
  create: boolean,
): Promise<Map<string, DriftKind>> {
  const values = [create, ...listParameters(snapshots)];
  const result = snapshots.some(isPartlyRead)
    ? await db.query(comparePartlyRead, [...values, listUnread(snapshots)])
    : await db.query({ name: "find-drift", text: compareWhole, values });
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

const encodedColumns = [
  encodeInSql("text", "u.clerk_id"),
  ...clerkColumns.map(({ name, type }) => encodeInSql(type, `u.${name}`)),
];

/**
 * All users that the range should show, one line each in the order of creation. It covers the same columns as
 * find-drift. A role that the app decided, a missing profile and a held deletion become `?`, so that find-drift
 * compares the page user by user.
 */
const digestOfRows = `
with lines as (
  select u.clerk_created_at, u.clerk_id,
    ${encodedColumns.join("\n    || ")}
    || case when ${roleFollowsClerk} then case u.role::text when 'admin' then 'a' else 'u' end else '?' end
    || case when ${lacksProfile("$3")} then '?' else '' end
    || case when exists (select from rollcall.held_deletions h where h.clerk_id = u.clerk_id) then '?' else '' end
    as line
  from public.users u
  where u.deleted_at is null and ${createdWithin("$1", "$2")}
)
select encode(sha256(convert_to(
  coalesce(string_agg(line, '' order by clerk_created_at, clerk_id collate "C"), ''), 'UTF8'
)), 'hex') as digest
from lines
`;

const digestRow = z.object({ digest: z.string() });

/**
 * A digest of our live rows of a range, in 64 hexadecimal digits. It equals `digestSnapshots` of the same users if and
 * only if nothing differs.
 *
 * @param create whether profiles are made for all users
 */
export async function digestRows(db: Queryable, range: CreationRange, create: boolean): Promise<string> {
  const values = [range.afterMs, range.untilMs, create];
  const result = await db.query({ name: "digest-rows", text: digestOfRows, values });
  return readRow(digestRow, result.rows).digest;
}

/** The digest that the rows of these users should have: see `digestRows`. */
export function digestSnapshots(snapshots: readonly UserSnapshot[]): string {
  const lines = snapshots.toSorted(byCreation).map(toLine);
  return createHash("sha256").update(lines.join("")).digest("hex");
}

function byCreation(a: UserSnapshot, b: UserSnapshot): number {
  return (a.clerkCreatedAtMs ?? 0) - (b.clerkCreatedAtMs ?? 0) || (a.clerkId < b.clerkId ? -1 : 1);
}

function toLine(snapshot: UserSnapshot): string {
  let line = encode(snapshot.clerkId);
  for (const { property } of clerkColumns) line += encode(snapshot[property]);
  return line + (snapshot.isAdmin ? "a" : "u");
}
