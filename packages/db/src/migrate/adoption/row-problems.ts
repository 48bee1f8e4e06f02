import { z } from "zod";
import type { Queryable } from "../../queryable.ts";
import { readRow, readRows } from "../../rows.ts";

/** The longest list in a message. A table may have a million bad rows. */
const mostListed = 20;

// All table and column names below are constants of ours, never input. Messages name rows by their id. An existing
// table may lack the id, and then to_jsonb() gives null instead of an error.
const id = "coalesce(to_jsonb(t) ->> 'id', '?')";
const byId = "order by to_jsonb(t) -> 'id'";

const group = z.object({
  value: z.string(),
  rows: z.coerce.number(),
  groups: z.coerce.number(),
  ids: z.array(z.string()),
});

/** Lists the rows that share a value of `column`. Null is no value. */
export async function findDuplicates(db: Queryable, table: string, column: string): Promise<string[]> {
  const result = await db.query(`
    with shared as (
      select t.${column} as value, count(*) as rows, count(*) over () as groups
      from public.${table} t
      where t.${column} is not null
      group by t.${column}
      having count(*) > 1
      order by t.${column}
      limit ${mostListed}
    )
    select s.value::text, s.rows, s.groups,
           array(select ${id} from public.${table} t where t.${column} = s.value ${byId} limit ${mostListed}) as ids
    from shared s
    order by s.value`);
  const groups = readRows(group, result.rows);
  return summarize(
    `public.${table}.${column} must be unique, but rows share it`,
    groups.map(({ value, ids, rows }) => `${column} ${value}: ${table} ${listIds(ids, rows)}`),
    groups[0]?.groups ?? 0,
  );
}

const nullRow = z.object({ id: z.string(), total: z.coerce.number() });

/** Lists the rows without a required value. */
export async function findNulls(db: Queryable, table: string, column: string): Promise<string[]> {
  const result = await db.query(`
    select ${id} as id, count(*) over () as total
    from public.${table} t
    where t.${column} is null
    ${byId}
    limit ${mostListed}`);
  const rows = readRows(nullRow, result.rows);
  const [first] = rows;
  if (!first) return [];
  const ids = rows.map((row) => row.id);
  return [
    `public.${table}.${column} must have a value, but is null in ${table} ${listIds(ids, first.total)}`,
  ];
}

/** A required column cannot be added to a table with rows, because Rollcall does not know their values. */
export async function findRowsLacking(db: Queryable, table: string, column: string): Promise<string[]> {
  const result = await db.query(`select count(*) as rows from public.${table}`);
  const { rows } = readRow(z.object({ rows: z.coerce.number() }), result.rows);
  return rows === 0
    ? []
    : [`public.${table} has rows (${rows}) but no column ${column}: add it and fill it, or empty the table`];
}

const orphan = z.object({ id: z.string(), userId: z.string(), total: z.coerce.number() });

/**
 * Lists the profiles that refer to a missing user.
 *
 * @param usersHaveIds false if the users have no id column: then every user is missing
 */
export async function findOrphans(db: Queryable, usersHaveIds: boolean): Promise<string[]> {
  const user = "select from public.users u where u.id = m.user_id";
  const orphans = `
    from public.mentorados m
    where m.user_id is not null ${usersHaveIds ? `and not exists (${user})` : ""}`;
  const result = await db.query(`
    select coalesce(to_jsonb(m) ->> 'id', '?') as id, m.user_id::text as "userId", count(*) over () as total
    ${orphans}
    order by m.user_id
    limit ${mostListed}`);
  const rows = readRows(orphan, result.rows);
  return summarize(
    "public.mentorados.user_id must be the id of a user, but there is none",
    rows.map((row) => `user_id ${row.userId}: mentorados ${row.id}`),
    rows[0]?.total ?? 0,
  );
}

function listIds(ids: readonly string[], total: number): string {
  const shown = ids.join(", ");
  return total > ids.length ? `${shown} and ${total - ids.length} more` : shown;
}

function summarize(title: string, lines: readonly string[], total: number): string[] {
  if (total === 0) return [];
  const shown = lines.slice(0, mostListed).map((line) => `    ${line}`);
  if (total > shown.length) shown.push(`    and ${total - shown.length} more`);
  return [[`${title}:`, ...shown].join("\n")];
}
