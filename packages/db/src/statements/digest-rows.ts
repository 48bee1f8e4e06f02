import { createHash } from "node:crypto";
import { z } from "zod";
import type { Queryable } from "../pool.ts";
import { type CreationRange, createdWithin } from "./creation-range.ts";
import { lacksProfile } from "./lacks-profile.ts";
import { roleFollowsClerk } from "./role-follows-clerk.ts";
import type { UserSnapshot } from "./user-snapshot.ts";

/** With its length in front, so that no text can pass for the end of one field and the beginning of the next. */
const field = (column: string) =>
  `case when ${column} is null then '-' else octet_length(${column}::text) || ':' || ${column}::text end`;

/** In microseconds, since a part of a millisecond is a difference too. One without end cannot be counted. */
const time = (column: string) =>
  `case when ${column} between 'epoch' and '9999-12-31+00' then (extract(epoch from ${column}) * 1000000)::bigint::text else '?' end`;

/**
 * Everybody whom the range should show, as one line each in the order of creation: what find-drift compares. A role
 * that somebody else decided, a profile that is due and a deletion that is held are written as nothing that Clerk
 * can say, so that the page is looked at user by user.
 */
const sql = `
with lines as (
  select u.clerk_created_at, u.clerk_id,
    ${field("u.clerk_id")} || ${field("u.email")} || ${field("u.name")} || ${field("u.image_url")}
    || case u.email_verified when true then 'v' when false then '.' else '?' end
    || case u.banned when true then 'b' when false then '.' else '?' end
    || case when ${roleFollowsClerk} then case u.role::text when 'admin' then 'a' else '.' end else '?' end
    || ${time("u.clerk_created_at")} || ',' || ${time("u.clerk_updated_at")} || ';'
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

const row = z.object({ digest: z.string() });

/**
 * What our live rows of a range say, in 64 hexadecimal digits; `digestSnapshots` of the same users gives the same when
 * nothing differs, and else something else.
 *
 * @param create whether profiles are made for everybody
 */
export async function digestRows(db: Queryable, range: CreationRange, create: boolean): Promise<string> {
  const values = [range.afterMs, range.untilMs, create];
  const result = await db.query({ name: "digest-rows", text: sql, values });
  return row.parse(result.rows[0]).digest;
}

/** What the rows of these users should say: see `digestRows`. */
export function digestSnapshots(snapshots: readonly UserSnapshot[]): string {
  const lines = snapshots.toSorted(byCreation).map(toLine);
  return createHash("sha256").update(lines.join("")).digest("hex");
}

function byCreation(a: UserSnapshot, b: UserSnapshot): number {
  return a.clerkCreatedAtMs - b.clerkCreatedAtMs || (a.clerkId < b.clerkId ? -1 : 1);
}

function toLine(s: UserSnapshot): string {
  const flags = `${s.emailVerified ? "v" : "."}${s.banned ? "b" : "."}${s.isAdmin ? "a" : "."}`;
  const fields = `${toField(s.clerkId)}${toField(s.email)}${toField(s.name)}${toField(s.imageUrl)}`;
  return `${fields}${flags}${s.clerkCreatedAtMs * 1_000},${s.clerkUpdatedAtMs * 1_000};`;
}

function toField(text: string | null): string {
  return text === null ? "-" : `${Buffer.byteLength(text)}:${text}`;
}
