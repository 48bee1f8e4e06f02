import type { Queryable } from "../../pool.ts";
import { findColumnProblems } from "./column-problems.ts";
import { columnRules } from "./column-rules.ts";
import { findKeyProblems } from "./key-problems.ts";
import { type LiveColumn, readLiveColumns } from "./live-columns.ts";
import { MigrationRefusal } from "./refusal.ts";
import { findDuplicates, findNulls, findOrphans, findRowsLacking } from "./row-problems.ts";
import { readTables, type TableName } from "./table-problems.ts";

type Columns = ReadonlyMap<string, LiveColumn>;

const required: Readonly<Record<TableName, readonly string[]>> = {
  users: ["clerk_id"],
  mentorados: ["nome_completo"],
};
const distinct: Readonly<Record<TableName, readonly string[]>> = {
  users: ["id", "clerk_id"],
  mentorados: ["id", "user_id"],
};

/**
 * Looks at the tables that the app already has, and locks them until the transaction ends, so that what was
 * found still holds when they are changed.
 *
 * @returns whether there is one
 * @throws MigrationRefusal naming everything that stands in the way, also when the role may not look
 */
export async function refuseUnfit(db: Queryable): Promise<boolean> {
  const { existing, problems } = await readTables(db);
  if (problems.length > 0) throw new MigrationRefusal(problems);
  if (existing.length === 0) return false;

  // The strongest lock at once: ALTER TABLE needs it, and taking it later could deadlock with the app.
  await db.query(
    `lock table ${existing.map((name) => `public.${name}`).join(", ")} in access exclusive mode`,
  );
  const found = await findProblems(db, existing);
  if (found.length > 0) throw new MigrationRefusal(found);
  return true;
}

/**
 * What is wrong with the form of both tables: columns and keys that changed since they were adopted. Locks nothing, and
 * asks for no right to change them.
 */
export async function findFormProblems(db: Queryable): Promise<string[]> {
  const problems: string[] = [];
  for (const table of ["users", "mentorados"] as const) {
    const live = await readLiveColumns(db, table);
    problems.push(...findColumnProblems(`public.${table}`, columnRules[table], live));
  }
  return [...problems, ...(await findKeyProblems(db))];
}

async function findProblems(db: Queryable, existing: readonly TableName[]): Promise<string[]> {
  const problems: string[] = [];
  const columns: Partial<Record<TableName, Columns>> = {};
  for (const table of existing) {
    const live = await readLiveColumns(db, table);
    columns[table] = new Map(live.map((column) => [column.name, column]));
    problems.push(...findColumnProblems(`public.${table}`, columnRules[table], live));
  }
  problems.push(...(await findKeyProblems(db)));
  for (const table of existing) problems.push(...(await findRowProblems(db, table, columns[table])));
  return [...problems, ...(await findOrphanProblems(db, columns))];
}

async function findRowProblems(db: Queryable, table: TableName, columns?: Columns): Promise<string[]> {
  const problems: string[] = [];
  for (const column of required[table]) {
    problems.push(...(await (columns?.has(column) ? findNulls : findRowsLacking)(db, table, column)));
  }
  if (columns?.has("id")) problems.push(...(await findNulls(db, table, "id")));
  for (const column of distinct[table]) {
    const live = columns?.get(column);
    // Some types cannot be compared, json for one.
    if (live && hasRightType(table, live)) problems.push(...(await findDuplicates(db, table, column)));
  }
  return problems;
}

/** Only where the two ids can be compared at all; a wrong type has a line of its own. */
async function findOrphanProblems(
  db: Queryable,
  { users, mentorados }: Partial<Record<TableName, Columns>>,
): Promise<string[]> {
  const userId = mentorados?.get("user_id");
  if (!userId || !hasRightType("mentorados", userId)) return [];
  const id = users?.get("id");
  return id && !hasRightType("users", id) ? [] : findOrphans(db, id !== undefined);
}

function hasRightType(table: TableName, column: LiveColumn): boolean {
  return columnRules[table][column.name]?.types.includes(column.type) ?? false;
}
