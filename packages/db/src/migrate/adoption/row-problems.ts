import { z } from "zod";
import type { DeclaredColumn, DeclaredForeignKey, DeclaredTable } from "../../app-schema/declared-table.ts";
import { declareTables, findDeclared } from "../../app-schema/declared-tables.ts";
import type { Queryable } from "../../queryable.ts";
import { quoteName, quoteText } from "../../quote-name.ts";
import { readRow, readRows } from "../../rows.ts";

/** The longest list in a message. A table may have a million bad rows. */
const mostListed = 20;

/**
 * Messages name rows by their key. An existing table may lack it, and then to_jsonb() gives null instead of an error.
 *
 * @param row its alias
 */
function readId(row: string, { columns }: DeclaredTable) {
  const key = quoteText(columns.find(({ isPrimary }) => isPrimary)?.name ?? "id");
  return {
    id: `coalesce(to_jsonb(${row}.*) ->> ${key}, '?')`,
    byId: `order by to_jsonb(${row}.*) -> ${key}`,
  };
}

const group = z.object({
  value: z.string(),
  rows: z.coerce.number(),
  groups: z.coerce.number(),
  ids: z.array(z.string()),
});

/** Lists the rows that share a value of `column`. Null is no value. */
export async function findDuplicates(
  db: Queryable,
  table: DeclaredTable,
  { name, column }: DeclaredColumn,
): Promise<string[]> {
  const { id, byId } = readId("t", table);
  const result = await db.query(`
    with shared as (
      select t.${column} as value, count(*) as rows, count(*) over () as groups
      from ${table.table} t
      where t.${column} is not null
      group by t.${column}
      having count(*) > 1
      order by t.${column}
      limit ${mostListed}
    )
    select s.value::text, s.rows, s.groups,
           array(select ${id} from ${table.table} t where t.${column} = s.value ${byId} limit ${mostListed}) as ids
    from shared s
    order by s.value`);
  const groups = readRows(group, result.rows);
  return summarize(
    `${table.label}.${name} must be unique, but rows share it`,
    groups.map(({ value, ids, rows }) => `${name} ${value}: ${table.name} ${listIds(ids, rows)}`),
    groups[0]?.groups ?? 0,
  );
}

const listedRow = z.object({ id: z.string(), total: z.coerce.number() });

/** Lists the rows without a required value. */
export async function findNulls(
  db: Queryable,
  table: DeclaredTable,
  { name, column }: DeclaredColumn,
): Promise<string[]> {
  const rows = await listRows(db, table, `t.${column} is null`);
  return rows.map((listed) => `${table.label}.${name} must have a value, but is null in ${listed}`);
}

/** Lists the profiles that have a time of their link, and no user. */
export async function findLinkTimesWithoutUser(db: Queryable, table: DeclaredTable): Promise<string[]> {
  const { profile } = db.tables;
  return profile ? listRows(db, table, `t.linked_at is not null and t.${profile.link} is null`) : [];
}

/** One line that names the rows for which `condition` holds; none without such a row. */
async function listRows(db: Queryable, table: DeclaredTable, condition: string): Promise<string[]> {
  const { id, byId } = readId("t", table);
  const result = await db.query(`
    select ${id} as id, count(*) over () as total
    from ${table.table} t
    where ${condition}
    ${byId}
    limit ${mostListed}`);
  const rows = readRows(listedRow, result.rows);
  const ids = rows.map((row) => row.id);
  return rows.slice(0, 1).map(({ total }) => `${table.name} ${listIds(ids, total)}`);
}

/** A required column cannot be added to a table with rows, because Rollcall does not know their values. */
export async function findRowsLacking(
  db: Queryable,
  { table, label }: DeclaredTable,
  { name }: DeclaredColumn,
): Promise<string[]> {
  const result = await db.query(`select count(*) as rows from ${table}`);
  const { rows } = readRow(z.object({ rows: z.coerce.number() }), result.rows);
  return rows === 0
    ? []
    : [`${label} has rows (${rows}) but no column ${name}: add it and fill it, or empty the table`];
}

const orphan = z.object({ id: z.string(), userId: z.string(), total: z.coerce.number() });

/**
 * Lists the profiles that refer to a missing user; none without profiles.
 *
 * @param usersHaveIds false if the users have no key column: then every user is missing
 */
export async function findOrphans(db: Queryable, usersHaveIds: boolean): Promise<string[]> {
  const users = findDeclared(db, "users");
  const table = findDeclared(db, "profile");
  const { profile, users: u, mapping } = db.tables;
  if (!users || !table || !profile) return [];
  const link = mapping.profile?.link ?? "";
  const { id } = readId("m", table);
  const user = `select from ${u.table} u where u.${u.id} = m.${profile.link}`;
  const orphans = `
    from ${profile.table} m
    where m.${profile.link} is not null ${usersHaveIds ? `and not exists (${user})` : ""}`;
  const result = await db.query(`
    select ${id} as id, m.${profile.link}::text as "userId", count(*) over () as total
    ${orphans}
    order by m.${profile.link}
    limit ${mostListed}`);
  const rows = readRows(orphan, result.rows);
  return summarize(
    `${table.label}.${link} must be the ${mapping.users.key.column} of a user, but there is none`,
    rows.map((row) => `${link} ${row.userId}: ${table.name} ${row.id}`),
    rows[0]?.total ?? 0,
  );
}

/** Lists the rows that share their values of several columns. */
export async function findDuplicatePairs(
  db: Queryable,
  table: DeclaredTable,
  columns: readonly DeclaredColumn[],
): Promise<string[]> {
  const { id, byId } = readId("t", table);
  const key = columns.map(({ column }) => `t.${column}`).join(", ");
  const result = await db.query(`
    select concat_ws(', ', ${columns.map(({ name, column }) => `${quoteText(`${name} `)} || t.${column}::text`).join(", ")}) as value,
           count(*) as rows, count(*) over () as groups,
           (array_agg(${id} ${byId}))[1:${mostListed}] as ids
    from ${table.table} t group by ${key} having count(*) > 1 order by ${key} limit ${mostListed}`);
  const groups = readRows(group, result.rows);
  return summarize(
    `${table.label} must have one row for each ${columns.map(({ name }) => name).join(" and ")}, but rows share them`,
    groups.map(({ value, ids, rows }) => `${value}: ${table.name} ${listIds(ids, rows)}`),
    groups[0]?.groups ?? 0,
  );
}

/** One line that names the rows whose foreign key has no target; none without such a row. */
export async function findDangling(
  db: Queryable,
  table: DeclaredTable,
  { column, target }: DeclaredForeignKey,
): Promise<string[]> {
  const quoted = quoteName(column);
  const rows = await listRows(
    db,
    table,
    `t.${quoted} is not null and not exists (select from ${target.table} x where x.${quoteName(target.column)} = t.${quoted})`,
  );
  return rows.map((listed) => `${table.label}.${column} has no row of ${target.label} in ${listed}`);
}

/** Rows that share a Clerk id or a pair, and profiles that share a user. */
export async function findDuplicateRows(db: Queryable): Promise<string[]> {
  const found: string[] = [];
  for (const table of declareTables(db)) {
    for (const column of table.columns)
      if (column.uniqueKey !== undefined || column.isWatched)
        found.push(...(await findDuplicates(db, table, column)));
    for (const { columns } of table.uniqueTogether)
      found.push(...(await findDuplicatePairs(db, table, columns)));
  }
  return found;
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
