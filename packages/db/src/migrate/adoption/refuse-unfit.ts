import { z } from "zod";
import {
  type DeclaredColumn,
  type DeclaredTable,
  type TableKind,
  tableKinds,
} from "../../app-schema/declared-table.ts";
import { declareTables } from "../../app-schema/declared-tables.ts";
import { findLackingKeys } from "../../app-schema/find-schema-problems.ts";
import { hidesRows } from "../../app-schema/hides-rows.ts";
import type { Queryable } from "../../pool.ts";
import { quoteName } from "../../quote-name.ts";
import { readRows } from "../../rows.ts";
import {
  type FormProblem,
  findColumnProblems,
  findUnfitDefault,
  type LiveColumn,
  readLiveColumns,
} from "./column-problems.ts";
import { findKeyProblems } from "./key-problems.ts";
import {
  findDuplicatePairs,
  findDuplicates,
  findLinkTimesWithoutUser,
  findNulls,
  findOrphans,
  findRowsLacking,
} from "./row-problems.ts";

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

/**
 * Checks the tables that the app already has. It locks them until the transaction ends, so that the result still holds
 * when they are changed.
 *
 * @param kinds of the tables to check
 * @returns whether there is such a table
 * @throws MigrationRefusal with every problem, also if the role may not read the tables
 */
export async function refuseUnfit(db: Queryable, kinds: readonly TableKind[]): Promise<boolean> {
  const existing = await lockTables(db, kinds);
  if (existing.length === 0) return false;
  const found = await findProblems(db, existing);
  if (found.length > 0) throw new MigrationRefusal(found);
  return true;
}

/**
 * Locks those of the app's tables that exist until the transaction ends, so that they can be changed.
 *
 * @throws MigrationRefusal if the role may not read or change them, or if one is no ordinary table
 */
export async function lockTables(
  db: Queryable,
  kinds: readonly TableKind[] = tableKinds,
): Promise<readonly DeclaredTable[]> {
  const { existing, problems } = await readTables(db, kinds);
  if (problems.length > 0) throw new MigrationRefusal(problems);
  // Nothing about tables that keep their form is changed.
  const changed = existing.filter(({ keepsForm }) => !keepsForm).map(({ table }) => table);
  // ALTER TABLE needs the strongest lock. Taking a weaker lock first could deadlock with the app.
  if (changed.length > 0) await db.query(`lock table ${changed.join(", ")} in access exclusive mode`);
  return existing;
}

/** The problems of the tables that the app already has, without a lock on them. It reads their rows. */
export async function findUnfit(db: Queryable, kinds: readonly TableKind[]): Promise<readonly string[]> {
  const { existing, problems } = await readTables(db, kinds);
  return problems.length > 0 ? problems : findProblems(db, existing);
}

async function findProblems(db: Queryable, existing: readonly DeclaredTable[]): Promise<string[]> {
  const problems: string[] = [];
  const columns = new Map<TableKind, Columns>();
  for (const table of existing) {
    const live = await readLiveColumns(db, table);
    columns.set(table.kind, new Map(live.map((column) => [column.name, column])));
    problems.push(...findColumnProblems(table, live).map(({ says }) => says));
    if (!table.isOurs) problems.push(...findMappingProblems(table, live));
  }
  const { isSeparate } = db.tables.users;
  if (!isSeparate && !columns.get("users")?.has(ownColumn))
    problems.push(...(await findForeignLinkTimes(db, columns)));
  problems.push(...(await findKeyProblems(db)).map(withStatement));
  if (existing.some(({ keepsForm }) => keepsForm))
    for (const { says, statement } of await findLackingKeys(db))
      problems.push(statement === undefined ? says : `${says}: ${statement}`);
  for (const table of existing) problems.push(...(await findRowProblems(db, table, columns.get(table.kind))));
  return [...problems, ...(await findOrphanProblems(db, existing, columns))];
}

const withStatement = ({ says, statement }: FormProblem) =>
  statement === undefined ? says : `${says} (${statement})`;

/** A column of the users' table that only Rollcall has. Tables without it were never adopted. */
const ownColumn = "read_ticket";

/** Rollcall's own column in a table of profiles. */
const linkTime = "linked_at";

/**
 * The statements of the mapping about a table of the app that do not hold. Pure.
 *
 * A column that the mapping does not name is added. If the app already has a column of this name, it may mean something
 * else. Rollcall would write to it.
 */
function findMappingProblems(table: DeclaredTable, live: readonly LiveColumn[]): string[] {
  const found = new Map(live.map((column) => [column.name, column]));
  const wasAdopted = found.has(ownColumn);
  return table.columns.flatMap((declared) => {
    const { name, field, possibleField, rule } = declared;
    const object = `${table.label}.${name}`;
    const column = found.get(name);
    if (!column) return field === undefined ? [] : [`${object} does not exist, but ${field} names it`];
    if (field === undefined && possibleField !== undefined && !wasAdopted)
      return [
        `${object} is the app's own, and the mapping does not name it: set ${possibleField}, or rename it`,
      ];
    const unfit = findUnfitDefault(table, declared, column);
    if (unfit) return [unfit.says];
    // A column that the app has of this name is described with its rows: see findForeignLinkTimes.
    return rule.nullable && column.notNull && !column.inPrimaryKey && name !== linkTime
      ? [
          `${object} is NOT NULL, but must be able to be null, ${whyNull(table.kind, possibleField)}: alter table ${table.table} alter column ${quoteName(name)} drop not null`,
        ]
      : [];
  });
}

/**
 * A column `linked_at` of an app's profiles that cannot be Rollcall's: a value in it says that the profile had a user, and
 * that the profile of a new user is never this one. A column of another type has its own line.
 */
async function findForeignLinkTimes(
  db: Queryable,
  columns: ReadonlyMap<TableKind, Columns>,
): Promise<string[]> {
  const table = declareTables(db).find(({ kind, isOurs }) => kind === "profile" && !isOurs);
  const live = columns.get("profile");
  const column = live?.get(linkTime);
  const declared = table?.columns.find(({ name }) => name === linkTime);
  if (!table || !declared || !column || !hasRightType(declared, column)) return [];
  const object = `${table.label}.${linkTime}`;
  const advice = `Rollcall notes in a column of this name when a profile got its user, so rename yours: alter table ${table.table} rename column ${linkTime} to …`;
  if (column.notNull) return [`${object} is the app's own, and NOT NULL. ${advice}`];
  if (!live?.has(db.tables.mapping.profile?.link ?? "")) return [];
  return (await findLinkTimesWithoutUser(db, table)).map(
    (rows) => `${object} is the app's own, and has a value in rows without a user: ${rows}. ${advice}`,
  );
}

function whyNull(kind: TableKind, field: string | undefined): string {
  if (field === "profile.link") return "because a profile outlives its user";
  if (kind === "profile") return "because the mapping gives it no default, or a purge erases it";
  if (kind === "users") return "because Clerk has users without it, and a deleted user has none";
  return "because Clerk has organizations without it";
}

async function findRowProblems(db: Queryable, table: DeclaredTable, live?: Columns): Promise<string[]> {
  const problems: string[] = [];
  // A column of the app that is missing has its own line.
  const lacks = ({ name }: DeclaredColumn) => !live?.has(name);
  for (const column of table.columns.filter(isRequired)) {
    if (!lacks(column)) problems.push(...(await findNulls(db, table, column)));
    else if (table.isOurs) problems.push(...(await findRowsLacking(db, table, column)));
  }
  for (const column of table.columns.filter(({ isPrimary }) => isPrimary))
    if (!lacks(column)) problems.push(...(await findNulls(db, table, column)));
  for (const column of table.columns) {
    // Some types, such as json, cannot be compared.
    if (isDistinct(column) && isComparable(column, live))
      problems.push(...(await findDuplicates(db, table, column)));
  }
  for (const { columns } of table.uniqueTogether)
    if (columns.every((column) => isComparable(column, live)))
      problems.push(...(await findDuplicatePairs(db, table, columns)));
  return problems;
}

function isComparable(column: DeclaredColumn, live: Columns | undefined): boolean {
  const found = live?.get(column.name);
  return found !== undefined && hasRightType(column, found);
}

/** Only the app knows the values of such a column. */
function isRequired({ notNull, default: value, isPrimary }: DeclaredColumn): boolean {
  return notNull && value === undefined && !isPrimary;
}

function isDistinct({ isPrimary, uniqueKey, isWatched }: DeclaredColumn): boolean {
  return isPrimary || uniqueKey !== undefined || isWatched === true;
}

/** Only if the two keys can be compared. A wrong type has its own line. */
async function findOrphanProblems(
  db: Queryable,
  existing: readonly DeclaredTable[],
  columns: ReadonlyMap<TableKind, Columns>,
): Promise<string[]> {
  const profile = existing.find(({ kind }) => kind === "profile");
  const link = profile?.columns.find(({ name }) => name === db.tables.mapping.profile?.link);
  const linked = link && columns.get("profile")?.get(link.name);
  if (!link || !linked || !hasRightType(link, linked)) return [];
  const users = existing.find(({ kind }) => kind === "users");
  const key = users?.columns.find(({ isPrimary }) => isPrimary);
  const id = key && columns.get("users")?.get(key.name);
  return key && id && !hasRightType(key, id) ? [] : findOrphans(db, id !== undefined);
}

function hasRightType({ rule }: DeclaredColumn, column: LiveColumn): boolean {
  return rule.types === "any" || rule.types.includes(column.type);
}

const tables = `
select
  t.kind,
  c.oid is not null                                            as "exists",
  coalesce(c.relkind = 'r', false)                             as "ordinary",
  exists (select from pg_inherits i where i.inhparent = c.oid) as "inherited",
  coalesce(pg_has_role(c.relowner, 'usage'), false)            as "owned",
  c.oid is not null and ${hidesRows("c.oid")} as "filtered",
  has_database_privilege(current_database(), 'create')         as "mayAddSchemas",
  coalesce(has_schema_privilege(to_regnamespace(t.namespace)::oid, 'create'), false) as "mayAddTables"
from unnest($1::text[], $2::text[], $3::text[]) with ordinality as t (kind, name, namespace, place)
left join pg_class c on c.oid = to_regclass(t.name)
order by t.place
`;

const tableRow = z.object({
  kind: z.enum(tableKinds),
  exists: z.boolean(),
  ordinary: z.boolean(),
  inherited: z.boolean(),
  owned: z.boolean(),
  filtered: z.boolean(),
  mayAddSchemas: z.boolean(),
  mayAddTables: z.boolean(),
});

/** The tables that the app already has, and the problems that prevent a check of their content. */
async function readTables(
  db: Queryable,
  kinds: readonly TableKind[],
): Promise<{ existing: readonly DeclaredTable[]; problems: readonly string[] }> {
  const declared = declareTables(db).filter(({ kind }) => kinds.includes(kind));
  const result = await db.query(tables, [
    declared.map(({ kind }) => kind),
    declared.map(({ table }) => table),
    declared.map(({ schema }) => schema),
  ]);
  const found = readRows(tableRow, result.rows);
  const mayAddSchemas = found.every((table) => table.mayAddSchemas);
  return {
    existing: declared.filter(({ kind }) => found.some((table) => table.kind === kind && table.exists)),
    problems: [
      ...(await findUnwritable(db, declared)),
      ...(mayAddSchemas ? [] : ["The role must be able to add schemas: grant create on database … to …"]),
      ...declared.flatMap((table) => findAccessProblems(table, found)),
    ],
  };
}

const missingRights = `
select p as "right" from unnest(array['select', 'insert', 'update']) as p
where to_regclass($1) is not null and not has_table_privilege(to_regclass($1)::oid, p)
`;

/** Rollcall owns no table that keeps its form, and the test write needs these rights. */
async function findUnwritable(db: Queryable, declared: readonly DeclaredTable[]): Promise<string[]> {
  const problems: string[] = [];
  for (const { table, label } of declared.filter(({ keepsForm }) => keepsForm)) {
    const lacking = readRows(z.object({ right: z.string() }), (await db.query(missingRights, [table])).rows);
    const rights = lacking.map(({ right }) => right).join(", ");
    if (rights !== "") problems.push(`The role lacks rights on ${label}: grant ${rights} on ${table} to …`);
  }
  return problems;
}

const isOfOrganizations = (kind: TableKind) => kind === "organizations" || kind === "memberships";

function nameTableField(kind: TableKind): string {
  return kind === "memberships" ? "organizations.memberships.table" : `${kind}.table`;
}

function findAccessProblems(
  { kind, label, isOurs, keepsForm, schema }: DeclaredTable,
  all: readonly z.infer<typeof tableRow>[],
): string[] {
  const table = all.find((one) => one.kind === kind);
  if (!table?.exists) {
    if (!isOurs)
      return [
        `${label} does not exist, but ${nameTableField(kind)} names it: the app makes it${keepsForm || isOfOrganizations(kind) ? "" : ", and Rollcall adds columns"}`,
      ];
    return table?.mayAddTables
      ? []
      : [`The role must be able to add ${label}: grant create on schema public to …`];
  }
  if (!table.ordinary)
    return [
      isOurs
        ? `${label} is not an ordinary table: rename it`
        : `${label} is not an ordinary table: a view, a partitioned or a foreign table cannot be mapped`,
    ];
  // A unique key does not cover their rows, so one user could have two.
  if (table.inherited)
    return [`${label} has tables that inherit from it, and their rows count as its own: detach them`];
  if (keepsForm)
    return table.filtered
      ? [`Row-level security hides rows of ${label} from the role: use one that bypasses it`]
      : [];
  if (!table.owned) return [`The role must own ${label}, or be a member of the role that does`];
  return [
    // An index is made in the schema of its table.
    ...(isOurs || table.mayAddTables
      ? []
      : [`The role must be able to add an index to ${label}: grant create on schema ${schema} to …`]),
    ...(table.filtered
      ? [`Row-level security hides rows of ${label} from the role: use one that bypasses it`]
      : []),
  ];
}
