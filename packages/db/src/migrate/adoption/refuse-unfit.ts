import { z } from "zod";
import type { TableName } from "../../app-schema/declared-tables.ts";
import type { Queryable } from "../../pool.ts";
import { readRows } from "../../rows.ts";
import { columnRules, findColumnProblems, type LiveColumn, readLiveColumns } from "./column-problems.ts";
import { findKeyProblems } from "./key-problems.ts";
import { findDuplicates, findNulls, findOrphans, findRowsLacking } from "./row-problems.ts";

/** The database cannot be migrated as it is. The message lists every problem, with ids and without personal data. */
export class MigrationRefusal extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(
      [
        "The database does not fit, and nothing was changed:",
        ...problems.map((problem) => `  ${problem}`),
      ].join("\n"),
    );
    this.name = "MigrationRefusal";
    this.problems = problems;
  }
}

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
 * Checks the tables that the app already has. It locks them until the transaction ends, so that the result still holds
 * when they are changed.
 *
 * @returns whether there is such a table
 * @throws MigrationRefusal with every problem, also if the role may not read the tables
 */
export async function refuseUnfit(db: Queryable): Promise<boolean> {
  const existing = await lockTables(db);
  if (existing.length === 0) return false;
  const found = await findProblems(db, existing);
  if (found.length > 0) throw new MigrationRefusal(found);
  return true;
}

/**
 * Locks those of both tables that exist until the transaction ends, so that they can be changed.
 *
 * @throws MigrationRefusal if the role may not read or change them, or if one is no ordinary table
 */
export async function lockTables(db: Queryable): Promise<readonly TableName[]> {
  const { existing, problems } = await readTables(db);
  if (problems.length > 0) throw new MigrationRefusal(problems);
  if (existing.length === 0) return existing;
  // ALTER TABLE needs the strongest lock. Taking a weaker lock first could deadlock with the app.
  await db.query(
    `lock table ${existing.map((name) => `public.${name}`).join(", ")} in access exclusive mode`,
  );
  return existing;
}

async function findProblems(db: Queryable, existing: readonly TableName[]): Promise<string[]> {
  const problems: string[] = [];
  const columns: Partial<Record<TableName, Columns>> = {};
  for (const table of existing) {
    const live = await readLiveColumns(db, table);
    columns[table] = new Map(live.map((column) => [column.name, column]));
    problems.push(...findColumnProblems(`public.${table}`, columnRules[table], live).map(({ says }) => says));
  }
  problems.push(...(await findKeyProblems(db)).map(({ says }) => says));
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
    // Some types, such as json, cannot be compared.
    if (live && hasRightType(table, live)) problems.push(...(await findDuplicates(db, table, column)));
  }
  return problems;
}

/** Only if the two ids can be compared. A wrong type has its own line. */
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

const tables = `
select
  t.name,
  c.oid is not null                                            as "exists",
  coalesce(c.relkind = 'r', false)                             as "ordinary",
  coalesce(pg_has_role(c.relowner, 'usage'), false)            as "owned",
  c.oid is not null and row_security_active(c.oid)             as "filtered",
  has_database_privilege(current_database(), 'create')         as "mayAddSchemas",
  coalesce(has_schema_privilege(to_regnamespace('public')::oid, 'create'), false) as "mayAddTables"
from unnest(array['users', 'mentorados']) as t (name)
left join pg_class c on c.oid = to_regclass('public.' || t.name)
`;

const tableRow = z.object({
  name: z.enum(["users", "mentorados"]),
  exists: z.boolean(),
  ordinary: z.boolean(),
  owned: z.boolean(),
  filtered: z.boolean(),
  mayAddSchemas: z.boolean(),
  mayAddTables: z.boolean(),
});

/** The tables that the app already has, and the problems that prevent a check of their content. */
async function readTables(
  db: Queryable,
): Promise<{ existing: readonly TableName[]; problems: readonly string[] }> {
  const found = readRows(tableRow, (await db.query(tables)).rows);
  const mayAddSchemas = found.every((table) => table.mayAddSchemas);
  return {
    existing: found.filter((table) => table.exists).map((table) => table.name),
    problems: [
      ...(mayAddSchemas ? [] : ["The role must be able to add schemas: grant create on database … to …"]),
      ...found.flatMap(findAccessProblems),
    ],
  };
}

function findAccessProblems(table: z.infer<typeof tableRow>): string[] {
  const where = `public.${table.name}`;
  if (!table.exists) {
    return table.mayAddTables
      ? []
      : [`The role must be able to add ${where}: grant create on schema public to …`];
  }
  if (!table.ordinary) return [`${where} is not an ordinary table: rename it`];
  if (!table.owned) return [`The role must own ${where}, or be a member of the role that does`];
  return table.filtered
    ? [`Row-level security hides rows of ${where} from the role: use one that bypasses it`]
    : [];
}
