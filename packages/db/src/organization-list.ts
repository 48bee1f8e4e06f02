import {
  AppError,
  clerkOrganizationId,
  type OrganizationEntry,
  type OrganizationMember,
  type OrganizationReport,
  organizationEntry,
  type UserMembership,
  type UserMemberships,
} from "@rollcall/contracts";
import { z } from "zod";
import type { OrganizationTables } from "./organization-columns.ts";
import type { Queryable } from "./queryable.ts";
import { readRow, readRows } from "./rows.ts";
import { perOrganizations, type Tables } from "./tables.ts";

/*
 * What operators see of organizations and memberships. The functions find nothing while organizations are off.
 *
 * Lists go by Clerk id, backwards: the ids begin with the time at which Clerk made them. The list of organizations follows
 * the unique key of the app's table, so that rows count that were never compared with Clerk. Members follow the states,
 * whose key is always there: a table of an app may have no index by organization.
 */

/** No index helps to find a part of a name, so a page ends when this time is over, and the next page goes on. */
const scanForMs = 100;
/** Rows that one statement reads. */
const sliceLength = 8_000;

type Page<Item> = { items: Item[]; nextCursor: string | null };
type PageWish = { cursor: string | undefined; limit: number };

const instant = z
  .date()
  .transform((date) => date.toISOString())
  .nullable();

const listedRow = z.object({
  clerkOrgId: z.string(),
  name: z.string().nullable(),
  slug: z.string().nullable(),
  membersCount: z.number().nullable(),
  counted: z.number(),
  state: organizationEntry.shape.state,
  clerkCreatedAt: instant,
  clerkUpdatedAt: instant,
  deletedAt: instant,
});

const reference = (alias: string, column: string | undefined, type: string) =>
  column === undefined ? `null::${type}` : `${alias}.${column}::${type}`;

function describeColumns(o: OrganizationTables) {
  const columnOf = (name: string) => o.clerkColumns.find((one) => one.name === name)?.column;
  return { name: columnOf("name"), slug: columnOf("slug"), membersCount: columnOf("members_count") };
}

/** A pair that was deleted before it was read has no membership. */
const isMember = "deleted_at is null and membership_id is not null";

/** Members are counted up to this number, in a list and in a report. */
const mostCounted = { list: 1_000, report: 100_000 };

/** An organization `id` with the row `o` and the state `t`, of which one may be missing. */
const selectEntry = (o: OrganizationTables, id: string, where: keyof typeof mostCounted) => {
  const { name, slug, membersCount } = describeColumns(o);
  const deletedAt = `coalesce(t.deleted_at, ${reference("o", o.deletedAt, "timestamptz")})`;
  return `${reference("o", name, "text")} as name, ${reference("o", slug, "text")} as slug,
  ${reference("o", membersCount, "int")} as "membersCount",
  case when ${deletedAt} is not null then 'deleted' when t.held_at is not null then 'held'
    when t.read_ticket is null then 'unread' else 'live' end as state,
  t.clerk_created_at as "clerkCreatedAt", t.clerk_updated_at as "clerkUpdatedAt", ${deletedAt} as "deletedAt", (
    select count(*)::int from (
      select from rollcall.membership_states k where k.clerk_org_id = ${id} and ${isMember} limit ${mostCounted[where] + 1}
    ) k
  ) as counted`;
};

/** One row at least, with the number of rows that were read and the last of their ids. */
const endOfSlice = `(
  select count(*)::int as "wasRead", (select id from slice order by n desc limit 1) as "lastId" from slice
) e`;

const endRow = z.object({ wasRead: z.number(), lastId: z.string().nullable() });

const sliceOfOrganizations = (o: OrganizationTables) => {
  const { name, slug } = describeColumns(o);
  const has = (column: string | undefined) =>
    // Postgres searches no text of a nondeterministic collation.
    column === undefined ? [] : [`position(lower($2::text) in (lower(o.${column}::text) collate "C")) > 0`];
  const matches = [...has(name), ...has(slug), `starts_with(o.${o.clerkOrgId}::text, $2::text)`].join(" or ");
  return (after: string) => `
with slice as materialized (
  select o.${o.clerkOrgId}::text as id, $2::text is null or ${matches} as matches,
    row_number() over (order by o.${o.clerkOrgId} desc) as n
  from ${o.table} o where o.${o.clerkOrgId} is not null ${after}
  order by o.${o.clerkOrgId} desc limit ${sliceLength}
),
page as materialized (
  select id, n from slice where matches order by n limit $1::int
)
select e.*, p.n, p.id as "clerkOrgId", ${selectEntry(o, "p.id", "list")}
from ${endOfSlice}
left join page p on true
left join ${o.table} o on o.${o.clerkOrgId} = p.id
left join rollcall.organization_states t on t.clerk_org_id = p.id
order by p.n
`;
};

/** The memberships `k` of a statement with the rows of their user, organization and pair. */
const joinPairs = ({ memberships: m, ...o }: OrganizationTables, { users: u }: Tables) => `
left join ${u.rows} u on u.${u.clerkId} = k.clerk_id
left join ${o.table} o on o.${o.clerkOrgId} = k.clerk_org_id
left join ${m.table} m on m.${m.user} = u.${u.id} and m.${m.organization} = o.${o.id}`;

const selectPair = ({ memberships: m }: OrganizationTables) => `
  ${reference("m", m.role, "text")} as role, m.${m.user} is not null as "hasRow", k.held_at is not null as held,
  k.clerk_created_at as "clerkCreatedAt"`;

const pairRow = {
  role: z.string().nullable(),
  hasRow: z.boolean(),
  held: z.boolean(),
  clerkCreatedAt: instant,
};

const sliceOfMembers = (o: OrganizationTables, tables: Tables) => {
  const { users: u } = tables;
  return (after: string) => `
with slice as materialized (
  select clerk_org_id, clerk_id, clerk_id as id, ${isMember} as matches, held_at, clerk_created_at,
    row_number() over (order by clerk_id desc) as n
  from rollcall.membership_states where clerk_org_id = $2 ${after}
  order by clerk_id desc limit ${sliceLength}
),
page as materialized (
  select * from slice where matches order by n limit $1::int
)
select e.*, k.n, k.clerk_id as "clerkId", ${u.shownName} as name, u.${u.email}::text as email, ${selectPair(o)}
from ${endOfSlice}
left join page k on true
${joinPairs(o, tables)}
order by k.n
`;
};

const membershipsOfUser = (o: OrganizationTables, tables: Tables, where = "") => `
with k as materialized (
  select clerk_org_id, clerk_id, held_at, clerk_created_at from rollcall.membership_states
  where clerk_id = $1 and ${isMember} ${where}
  order by clerk_org_id desc limit $2
)
select k.clerk_org_id as "clerkOrgId", ${reference("o", describeColumns(o).name, "text")} as name, ${selectPair(o)}
from k ${joinPairs(o, tables)}
order by k.clerk_org_id desc
`;

const findOne = (o: OrganizationTables) => `
select ${selectEntry(o, "given.id", "report")}, o.${o.clerkOrgId} is not null as "hasRow",
  t.clerk_org_id is not null as "hasState", t.read_ticket as "readTicket"
from (select $1::text as id) given
left join ${o.table} o on o.${o.clerkOrgId} = given.id
left join rollcall.organization_states t on t.clerk_org_id = given.id
`;

const names = (o: OrganizationTables) => `
select o.${o.clerkOrgId}::text as "clerkOrgId", ${reference("o", describeColumns(o).name, "text")} as name
from ${o.table} o where o.${o.clerkOrgId} = any ($1::text[])
`;

const statements = perOrganizations((own, tables) => ({
  names: names(own),
  findOne: findOne(own),
  organization: sliceOfOrganizations(own)(`and o.${own.clerkOrgId} = $2::text`),
  organizations: bothStarts(sliceOfOrganizations(own), (id) => `and o.${own.clerkOrgId} < ${id}`),
  members: bothStarts(sliceOfMembers(own, tables), (id) => `and clerk_id < ${id}`),
  ofUser: membershipsOfUser(own, tables),
  ofPair: membershipsOfUser(own, tables, "and clerk_org_id = $3"),
}));

/** The statement for the first slice, and the one behind an id. A condition that may be null would use no index. */
const bothStarts = (make: (after: string) => string, after: (id: string) => string) => ({
  first: make(""),
  next: make(after("$3::text")),
});

/** Organizations whose name or slug contains a text or whose id starts with it. A page may be short and have a next one. */
export async function listOrganizations(
  db: Queryable,
  { query, ...page }: PageWish & { query: string | undefined },
): Promise<Page<OrganizationEntry>> {
  const own = statements(db);
  if (!own) return { items: [], nextCursor: null };
  const read = (statement: typeof own.organizations, wish: PageWish) =>
    readPage(db, statement, query ?? null, wish, listedRow, ({ clerkOrgId }) => clerkOrgId);
  const isWholeId = page.cursor === undefined && clerkOrganizationId.safeParse(query).success;
  const whole = isWholeId
    ? await read({ first: own.organization, next: own.organization }, { ...page, limit: 1 })
    : undefined;
  // A part of an id may look like a whole one, and is then searched for.
  const { items, nextCursor } = whole?.items.length ? whole : await read(own.organizations, page);
  return { items: items.map((row) => toEntry(row, "list")), nextCursor };
}

const memberRow = z.object({
  clerkId: z.string(),
  name: z.string().nullable(),
  email: z.string().nullable(),
  ...pairRow,
});

/** The members of an organization. A page may be short and have a next one: former members are passed over. */
export async function listMembers(
  db: Queryable,
  { clerkOrgId, ...page }: PageWish & { clerkOrgId: string },
): Promise<Page<OrganizationMember>> {
  const own = statements(db);
  if (!own) return { items: [], nextCursor: null };
  return readPage(db, own.members, clerkOrgId, page, memberRow, ({ clerkId }) => clerkId);
}

/** A user is in few organizations. This many are reported. */
const mostMemberships = 100;

const membershipRow = z.object({ clerkOrgId: z.string(), name: z.string().nullable(), ...pairRow });

/** The memberships of a user, at most 100. @returns undefined while organizations are off */
export async function listMembershipsOfUser(
  db: Queryable,
  clerkId: string,
): Promise<UserMemberships | undefined> {
  const own = statements(db);
  if (!own) return undefined;
  const { rows } = await db.query(own.ofUser, [clerkId, mostMemberships + 1]);
  const found = readRows(membershipRow, rows);
  return { items: found.slice(0, mostMemberships), more: found.length > mostMemberships };
}

/** The live membership of a pair. Undefined without one, and while organizations are off. */
export async function findMembership(
  db: Queryable,
  { clerkOrgId, clerkId }: { clerkOrgId: string; clerkId: string },
): Promise<UserMembership | undefined> {
  const own = statements(db);
  if (!own) return undefined;
  const [found] = readRows(membershipRow, (await db.query(own.ofPair, [clerkId, 1, clerkOrgId])).rows);
  return found;
}

const foundRow = listedRow.omit({ clerkOrgId: true }).extend({
  hasRow: z.boolean(),
  hasState: z.boolean(),
  readTicket: z.coerce.number().nullable(),
});

type FoundOrganization = Pick<OrganizationReport, "hasRow" | "readTicket"> & {
  organization: OrganizationEntry;
};

/** What Rollcall has of an organization. Undefined while it has neither a row nor a state. */
export async function findOrganization(
  db: Queryable,
  clerkOrgId: string,
): Promise<FoundOrganization | undefined> {
  const own = statements(db);
  if (!own) return undefined;
  const { rows } = await db.query(own.findOne, [clerkOrgId]);
  const { hasRow, hasState, readTicket, ...found } = readRow(foundRow, rows);
  if (!hasRow && !hasState) return undefined;
  return { organization: toEntry({ clerkOrgId, ...found }, "report"), hasRow, readTicket };
}

function toEntry(
  { counted, ...entry }: z.infer<typeof listedRow>,
  where: keyof typeof mostCounted,
): OrganizationEntry {
  const most = mostCounted[where];
  return { ...entry, members: { count: Math.min(counted, most), more: counted > most } };
}

const nameRow = z.object({ clerkOrgId: z.string(), name: z.string().nullable() });

/** The names of the organizations that have a row, by Clerk id. */
export async function findOrganizationNames(
  db: Queryable,
  clerkOrgIds: readonly string[],
): Promise<Map<string, string | null>> {
  const own = statements(db);
  if (!own) return new Map();
  const { rows } = await db.query(own.names, [clerkOrgIds]);
  return new Map(readRows(nameRow, rows).map(({ clerkOrgId, name }) => [clerkOrgId, name]));
}

async function readPage<Row extends z.ZodType>(
  db: Queryable,
  statement: { first: string; next: string },
  argument: string | null,
  { cursor, limit }: PageWish,
  row: Row,
  idOf: (item: z.output<Row>) => string,
): Promise<Page<z.output<Row>>> {
  const items: z.output<Row>[] = [];
  const startedMs = performance.now();
  let after = cursor === undefined ? undefined : readCursor(cursor);
  do {
    const values = [limit - items.length, argument, ...(after === undefined ? [] : [after])];
    const { rows } = await db.query(after === undefined ? statement.first : statement.next, values);
    const { wasRead, lastId } = readRow(endRow, rows);
    // Without a match there is the one row of the slice's end.
    const matches = rows.filter(({ n }) => n !== null);
    items.push(...readRows(row, matches));
    const last = items.at(-1);
    if (items.length === limit && last !== undefined)
      return {
        items,
        nextCursor: idOf(last) === lastId && wasRead < sliceLength ? null : writeCursor(idOf(last)),
      };
    if (wasRead < sliceLength || lastId === null) return { items, nextCursor: null };
    after = lastId;
  } while (performance.now() - startedMs < scanForMs);
  return { items, nextCursor: writeCursor(after) };
}

const writeCursor = (id: string) => `_${Buffer.from(id).toString("base64url")}`;

/** @throws AppError `request.malformed` */
function readCursor(cursor: string): string {
  const id = Buffer.from(cursor.slice(1), "base64url").toString();
  if (id.includes("\0"))
    throw new AppError("request.malformed", "The cursor is of another list", {
      hint: "cursor: must be a nextCursor of an earlier answer",
    });
  return id;
}
