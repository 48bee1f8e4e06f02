import { AppError, type BulkAction, type BulkView, bulkView } from "@rollcall/contracts";
import { z } from "zod";
import { isRerunnable, readSqlState } from "./errors.ts";
import { recordAdminEvents } from "./events.ts";
import type { Connection, Pool, Queryable } from "./pool.ts";
import { readRow, readRows } from "./rows.ts";
import { perTables } from "./tables.ts";
import { inTransaction, readAtLength } from "./transaction.ts";
import { createBind, type UserSelection, writeConditions } from "./user-filter.ts";
import { stateTable } from "./user-rows.ts";
import { isRefusedValue, refuseTier } from "./users.ts";

const bulkColumns = `
  b.id::int as id, b.tier, b.filter, b.searched, b.state, b.matching, b.done, b.failed, b.skipped, b.error_code as code,
  b.started_by as "by", b.requested_at as at, b.started_at as "startedAt", b.finished_at as "finishedAt",
  b.cancelled_by as "cancelledBy"
`;

const instant = z.date().transform((date) => date.toISOString());

const bulkRow = bulkView
  .omit({ action: true })
  .extend({
    tier: z.string().nullable(),
    at: instant,
    startedAt: instant.nullable(),
    finishedAt: instant.nullable(),
  })
  .transform(
    ({ tier, ...rest }): BulkView => ({ ...rest, action: tier === null ? { refresh: true } : { tier } }),
  );

/** The users of a bulk change: all that match, or named one by one. */
export type BulkSelection = { matching: UserSelection } | { clerkIds: readonly string[] };

/** Each portion is one transaction, and this many sync jobs are added at once. */
export const portionSize = 500;
/** A script that starts changes without end must not fill the disk. */
const mostOpen = 20;

const usersOf = perTables(({ users: u }) => ({
  named: (ids: string) => `u.${u.clerkId} = any (${ids}::text[])`,
  // A deletion is final.
  isLive: `u.${u.deletedAt} is null`,
  count: (where: string) => `select count(*)::int as count from ${u.rows} u where ${where}`,
  // It changes no row, and Postgres still reads the value as the column's type.
  tryTier: `update ${u.isHeld("tier") ? stateTable : u.table} set ${u.tier} = $1 where false`,
  choose: (where: string) => `
      select u.${u.clerkId} as clerk_id, (row_number() over (order by u.${u.id}) - 1) / ${portionSize} * ${portionSize} as portion
      from ${u.rows} u where ${where}`,
  /** The app has no rule about a tier that is not in its table. */
  oldestSelected: u.isHeld("tier")
    ? undefined
    : `
select u.${u.id} as id from ${u.table} u
where u.${u.clerkId} = any (select unnest(clerk_ids) from rollcall.bulk_portions where bulk_id = $1 and number = 0)
  and u.${u.tier}::text is distinct from $2::text
order by u.${u.id} limit 1 for no key update skip locked
`,
  write: `update ${u.table} set ${u.tier} = $2${u.isHeld("updatedAt") ? "" : `, ${u.updatedAt} = now()`} where ${u.id} = $1`,
}));

function writeSelection(db: Queryable, selection: BulkSelection): { where: string; values: unknown[] } {
  const { bind, values } = createBind();
  const { named, isLive } = usersOf(db);
  const where =
    "matching" in selection ? writeConditions(db, selection.matching, bind) : named(bind(selection.clerkIds));
  return { where: `${isLive} and ${where}`, values };
}

/** The number of users that a bulk change would select. */
export function countSelected(pool: Pool, selection: BulkSelection): Promise<number> {
  const { where, values } = writeSelection(pool, selection);
  return inTransaction(pool, async (client) => {
    const result = await readAtLength(client, usersOf(client).count(where), values);
    return readRow(z.object({ count: z.number() }), result.rows).count;
  });
}

/**
 * Makes a bulk change: selects its users in one statement, and records it in the timeline.
 *
 * @param by the operator
 * @throws AppError `admin.selection_changed` if more than `expected` users match, `bulk.too_many`, or `request.malformed`
 * for a tier that the column cannot hold
 */
export function stageBulkChange(
  pool: Pool,
  change: { selection: BulkSelection; action: BulkAction; expected: number | undefined; by: string },
): Promise<BulkView> {
  const { selection, action, expected, by } = change;
  const tier = "tier" in action ? action.tier : null;
  return inTransaction(pool, async (client) => {
    await refuseTooMany(client);
    if (tier !== null) await tryType(client, tier);
    const { filter, searched } = describeSelection(selection);
    const made = await client.query(
      `insert into rollcall.bulk_changes (tier, filter, searched, started_by) values ($1, $2, $3, $4) returning id::int`,
      [tier, filter && JSON.stringify(filter), searched, by],
    );
    const { id } = readRow(z.object({ id: z.number() }), made.rows);
    const matching = await stagePortions(client, id, selection);
    if (tier !== null) await tryRules(client, id, tier);
    if (expected !== undefined && matching > expected) throw selectionChanged(expected, matching);
    const counted = await client.query(
      `update rollcall.bulk_changes b set
         matching    = $2,
         state       = case when $2 = 0 then 'done' else b.state end,
         finished_at = case when $2 = 0 then now() end
       where b.id = $1 returning ${bulkColumns}`,
      [id, matching],
    );
    const details = { bulkId: id, action: tier === null ? "refresh" : "tier", tier, matching };
    await recordAdminEvents(client, by, [{ clerkId: null, kind: "bulk_requested", details }]);
    return readRow(bulkRow, counted.rows);
  });
}

async function refuseTooMany(client: Queryable): Promise<void> {
  const open = await client.query(
    "select count(*)::int as count from rollcall.bulk_changes where state in ('waiting', 'running')",
  );
  if (readRow(z.object({ count: z.number() }), open.rows).count >= mostOpen)
    throw new AppError("bulk.too_many", `${mostOpen} bulk changes are not finished`);
}

/** A type, or a check of a domain, refuses a value for every user: without this, a million of them would fail one by one. */
async function tryType(client: Queryable, tier: string): Promise<void> {
  try {
    await client.query(usersOf(client).tryTier, [tier]);
  } catch (error) {
    throw isRefusedValue(error) ? refuseTier(error) : error;
  }
}

const rulesOfTier = `
select from pg_constraint c
where c.conrelid = $2::regclass and c.conname = $1 and c.conkey = array(
  select a.attnum from pg_attribute a where a.attrelid = c.conrelid and a.attname = $3
)
`;

const longestTryMs = 2_000;

/**
 * Writes the tier to one of the selected users, and undoes it. A key or a check of this column alone that refuses one user
 * refuses them all. Any other rule may hit only some, so the worker finds out.
 */
async function tryRules(client: Connection, id: number, tier: string): Promise<void> {
  const { oldestSelected } = usersOf(client);
  if (oldestSelected === undefined) return;
  const refusal = await findRefusal(client, oldestSelected, [id, tier]);
  if (!isRefusedValue(refusal) || refusal.constraint === undefined) return;
  const { mapping, users } = client.tables;
  const values = [refusal.constraint, users.table, mapping.users.columns.tier ?? "tier"];
  if ((await client.query(rulesOfTier, values)).rows.length > 0) throw refuseTier(refusal);
}

/** @returns the error of the write; undefined without one */
async function findRefusal(
  client: Connection,
  oldestSelected: string,
  [id, tier]: [number, string],
): Promise<unknown> {
  await client.query("savepoint try");
  const refusal = await tryWrite(client, oldestSelected, [id, tier]).catch((error: unknown) => error);
  if (refusal !== undefined && (readSqlState(refusal) === undefined || isRerunnable(refusal))) throw refusal;
  await client.query("rollback to savepoint try");
  return refusal;
}

async function tryWrite(
  client: Connection,
  oldestSelected: string,
  [id, tier]: [number, string],
): Promise<void> {
  // A trigger of the app may be slow, which is no refusal.
  await client.query(`set local statement_timeout = ${longestTryMs}`);
  const [user] = readRows(userRow, (await client.query(oldestSelected, [id, tier])).rows);
  if (!user) return;
  await client.query(usersOf(client).write, [user.id, tier]);
  await client.query("set constraints all immediate");
}

const userRow = z.object({ id: z.union([z.number(), z.string()]) });

/** The filter as it may be stored. */
function describeSelection(selection: BulkSelection): { filter: object | null; searched: boolean } {
  if (!("matching" in selection)) return { filter: null, searched: false };
  const { query, ...filter } = selection.matching.filter;
  return { filter, searched: query !== undefined };
}

async function stagePortions(client: Queryable, id: number, selection: BulkSelection): Promise<number> {
  const { where, values } = writeSelection(client, selection);
  const bulkId = `$${values.length + 1}`;
  const text = `
    with chosen as (${usersOf(client).choose(where)}
    ),
    staged as (
      insert into rollcall.bulk_portions (bulk_id, number, clerk_ids)
      select ${bulkId}::bigint, portion, array_agg(clerk_id) from chosen group by portion
      returning cardinality(clerk_ids) as size
    )
    select coalesce(sum(size), 0)::int as count from staged`;
  const result = await readAtLength(client, text, [...values, id]);
  return readRow(z.object({ count: z.number() }), result.rows).count;
}

function selectionChanged(expected: number, matching: number): AppError {
  return new AppError("admin.selection_changed", "More users match than the operator saw", {
    hint: {
      "pt-BR": `você viu ${expected}, agora são ${matching}`,
      en: `you saw ${expected}, now there are ${matching}`,
    },
  });
}

/** Bulk changes, newest first, `limit` of them below `beforeId`. */
export async function listBulkChanges(
  db: Queryable,
  page: { beforeId: string | undefined; limit: number },
): Promise<BulkView[]> {
  const result = await db.query(
    `select ${bulkColumns} from rollcall.bulk_changes b
     where $1::bigint is null or b.id < $1::bigint order by b.id desc limit $2`,
    [page.beforeId ?? null, page.limit],
  );
  return readRows(bulkRow, result.rows);
}

export async function findBulkChange(db: Queryable, id: number): Promise<BulkView | undefined> {
  const result = await db.query(`select ${bulkColumns} from rollcall.bulk_changes b where b.id = $1`, [id]);
  return readRows(bulkRow, result.rows)[0];
}

/**
 * Cancels a bulk change. Portions that were written stay written. Run it inside a transaction.
 *
 * @returns undefined if there is no such change, or if it is over
 */
export async function cancelBulkChange(db: Queryable, id: number, by: string): Promise<BulkView | undefined> {
  const result = await db.query(
    `update rollcall.bulk_changes b
     set state = 'cancelled', cancelled_by = $2, finished_at = now(), changed_at = now()
     where b.id = $1 and b.state in ('waiting', 'running')
     returning ${bulkColumns}`,
    [id, by],
  );
  const cancelled = readRows(bulkRow, result.rows)[0];
  if (cancelled)
    await recordAdminEvents(db, by, [{ clerkId: null, kind: "bulk_cancelled", details: { bulkId: id } }]);
  return cancelled;
}
