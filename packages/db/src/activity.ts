import type { ActivityView, AuditEntry, ProcessMark } from "@rollcall/contracts";
import { z } from "zod";
import type { Queryable } from "./pool.ts";
import { readRow, readRows } from "./rows.ts";

const instant = z.date().transform((date) => date.toISOString());

const activityRow = z.object({
  id: z.coerce.number(),
  at: instant,
  kind: z.string(),
  cause: z.string(),
  clerkId: z.string().nullable(),
  ref: z.string().nullable(),
  details: z.record(z.string(), z.unknown()),
});

const activityColumns = `id, at, kind, cause, clerk_id as "clerkId", ref, details`;

type Page = { cursor: string | undefined; limit: number };

type ActivityWish = Page & {
  kinds: readonly string[] | undefined;
  causes: readonly string[] | undefined;
  clerkId: string | undefined;
  ref: string | undefined;
};

/** No index serves a kind, so a page reads a bounded number of ids. */
const idsPerPage = 100_000;

const activityPage = `
select ${activityColumns} from rollcall.events
where id < $3 and id >= $5
  and ($1::text[] is null or kind = any ($1)) and ($2::text[] is null or cause = any ($2))
  and ($4::text is null or ref = $4)
order by id desc limit $6
`;

const activityOfUser = `
select ${activityColumns} from rollcall.events
where clerk_id = $5 and id < $3
  and ($1::text[] is null or kind = any ($1)) and ($2::text[] is null or cause = any ($2))
  and ($4::text is null or ref = $4)
order by id desc limit $6
`;

/** The events of an organization, and those of its memberships, which are under the ids of their users. */
const activityOfOrganization = (() => {
  const isWanted = `id < $3
  and ($1::text[] is null or kind = any ($1)) and ($2::text[] is null or cause = any ($2))
  and ($4::text is null or ref = $4)
  order by id desc limit $6`;
  const read = (where: string) => `(
  select ${activityColumns} from rollcall.events where ${where} and ${isWanted}
)`;
  // An event of the organization may name it twice.
  return `
${read("clerk_id = $5")}
union all
${read("details ->> 'clerkOrgId' = $5 and clerk_id is distinct from $5")}
order by id desc limit $6
`;
})();

const idRange = `
select coalesce((select max(id) from rollcall.events), 0) as newest, coalesce((select min(id) from rollcall.events), 0) as oldest
`;

const idRangeRow = z.object({ newest: z.coerce.number(), oldest: z.coerce.number() });

/**
 * Events of all users, or of one user or organization, newest first. A page ends after 100,000 ids: it may hold fewer events than `limit`, or
 * none, and still have a next page.
 */
export async function listActivity(
  db: Queryable,
  { kinds, causes, clerkId, ref, cursor, limit }: ActivityWish,
): Promise<{ items: ActivityView[]; nextCursor: string | null }> {
  const { newest, oldest } = readRow(idRangeRow, (await db.query(idRange)).rows);
  const before = cursor === undefined ? newest + 1 : Number(cursor);
  const filters = [kinds ?? null, causes ?? null, before, ref ?? null];
  if (clerkId !== undefined) {
    // Without organizations the index is missing.
    const isOrganization = db.tables.organizations !== undefined && clerkId.startsWith("org_");
    const statement = isOrganization ? activityOfOrganization : activityOfUser;
    const { rows } = await db.query(statement, [...filters, clerkId, limit]);
    return toPage(readRows(activityRow, rows), limit);
  }
  const lowest = before - idsPerPage;
  const { rows } = await db.query(activityPage, [...filters, lowest, limit]);
  const page = toPage(readRows(activityRow, rows), limit);
  return page.nextCursor === null && lowest > oldest ? { ...page, nextCursor: String(lowest) } : page;
}

function toPage<Item extends { id: number }>(items: Item[], limit: number) {
  const last = items.length === limit ? items.at(-1) : undefined;
  return { items, nextCursor: last ? String(last.id) : null };
}

const auditPage = `
select id, at, ref as by, kind, clerk_id as "clerkId", details from rollcall.events
where cause = 'admin' and ref is not null and id < $1
  and ($2::text is null or ref = $2) and ($3::text[] is null or kind = any ($3)) and ($4::text is null or clerk_id = $4)
order by id desc limit $5
`;

const auditRow = z.object({
  id: z.coerce.number(),
  at: instant,
  by: z.string(),
  kind: z.string(),
  clerkId: z.string().nullable(),
  details: z.record(z.string(), z.unknown()),
});

/** What operators did, newest first. Jobs that an operator requested have the same cause and no operator. */
export async function listAudit(
  db: Queryable,
  {
    by,
    kinds,
    clerkId,
    cursor,
    limit,
  }: Page & Pick<ActivityWish, "kinds" | "clerkId"> & { by: string | undefined },
): Promise<{ items: AuditEntry[]; nextCursor: string | null }> {
  const before = cursor ?? Number.MAX_SAFE_INTEGER;
  const { rows } = await db.query(auditPage, [before, by ?? null, kinds ?? null, clerkId ?? null, limit]);
  return toPage(readRows(auditRow, rows), limit);
}

const between = `
select ${activityColumns} from rollcall.events where id > $1 and id <= $2 order by id limit $3
`;

/** The events with ids above `afterId` and up to `upToId`, oldest first, at most `limit`. */
export async function listEventsBetween(
  db: Queryable,
  range: { afterId: number; upToId: number; limit: number },
): Promise<ActivityView[]> {
  const result = await db.query(between, [range.afterId, range.upToId, range.limit]);
  return readRows(activityRow, result.rows);
}

/** Whether there are more than `count` events in a range. The ids alone do not tell: a sequence may have jumped. */
export async function hasMoreEvents(
  db: Queryable,
  range: { afterId: number; upToId: number; count: number },
): Promise<boolean> {
  if (range.upToId - range.afterId <= range.count) return false;
  const result = await db.query(
    "select from rollcall.events where id > $1 and id <= $2 order by id offset $3 limit 1",
    [range.afterId, range.upToId, range.count],
  );
  return result.rows.length > 0;
}

/** The newest visible id; 0 without an event. */
export async function readNewestEventId(db: Queryable): Promise<number> {
  return readRow(idRangeRow, (await db.query(idRange)).rows).newest;
}

const recordStart = `
insert into rollcall.events (kind, cause, ref, details)
values ('process_started', 'process', $1, jsonb_build_object('program', $1::text, 'version', $2::text))
`;

/** Records in the timeline that a process started. */
export async function recordProcessStart(
  db: Queryable,
  { program, version }: { program: string; version: string },
): Promise<void> {
  await db.query(recordStart, [program, version]);
}

// The comparison starts before the limit, so that the oldest mark of the answer is judged too.
const marks = `
with starts as (
  select id, at, ref as program, details ->> 'version' as version,
    lag(details ->> 'version') over (partition by ref order by id) as before
  from rollcall.events
  where cause = 'process' and ref is not null and at > now() - $1 * interval '1 day'
)
select at, program, version, case when before <> version then 'release' else 'restart' end as kind
from starts order by id desc limit $2
`;

const markRow = z.object({
  at: instant,
  program: z.string(),
  version: z.string(),
  kind: z.enum(["release", "restart"]),
});

/** The newest starts of processes, oldest first. A start with another version than the program's start before is a release. */
export async function listProcessMarks(db: Queryable, days: number, limit: number): Promise<ProcessMark[]> {
  return readRows(markRow, (await db.query(marks, [days, limit])).rows).reverse();
}
