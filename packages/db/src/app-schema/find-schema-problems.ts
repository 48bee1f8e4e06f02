import { z } from "zod";
import {
  type FormProblem,
  findColumnProblems,
  findUnfitDefault,
  fits,
  isUnfilledTime,
  type LiveColumn,
  readLiveColumns,
} from "../migrate/adoption/column-problems.ts";
import { findKeyProblems } from "../migrate/adoption/key-problems.ts";
import {
  findDangling,
  findDuplicatePairs,
  findDuplicates,
  findNulls,
  findOrphans,
  findRowsLacking,
} from "../migrate/adoption/row-problems.ts";
import type { Queryable } from "../queryable.ts";
import { quoteName } from "../quote-name.ts";
import { readRows } from "../rows.ts";
import {
  type DeclaredColumn,
  type DeclaredForeignKey,
  type DeclaredIndex,
  type DeclaredTable,
  nameObject,
  type TableKind,
  tableKinds,
  writeColumn,
  writeForeignKey,
  writeIndex,
  writeTable,
  writeTogether,
} from "./declared-table.ts";
import { declareTables, findDeclared } from "./declared-tables.ts";
import { findRenamedTable, readKnownColumns } from "./known-columns.ts";
import { findMappingChanges } from "./mapping-changes.ts";

/** A way in which the app's two tables changed since the migration. */
export type SchemaProblem = FormProblem & {
  /** How `npx rollcall migrate` solves it. Undefined: a person runs `statement`. */
  restore?: {
    statements: readonly string[];
    /** Columns that must be there first. */
    needs?: readonly string[];
    /** Reads rows: the reasons why the statements cannot run yet, for a person. */
    blockers?: (db: Queryable) => Promise<string[]>;
  };
};

type Columns = ReadonlyMap<string, LiveColumn>;

/**
 * The differences between the two tables and what Rollcall's statements need: tables, columns, keys and indexes that are
 * missing, renamed or of another form. It reads the catalog alone, locks nothing, and needs no right to change the
 * tables. It takes some ten small queries, so call it periodically or through the pool's watch, not at each request.
 */
export async function findSchemaProblems(db: Queryable): Promise<SchemaProblem[]> {
  const changes = await findMappingChanges(db);
  // Under a changed mapping, other differences would lead to statements on the wrong tables.
  if (changes.length > 0) return changes;
  const { problems, indexes } = await examineTables(db);
  return [...problems, ...indexes];
}

/** The same of some tables, without indexes that only make statements faster. */
export async function findTableProblems(
  db: Queryable,
  kinds: readonly TableKind[],
): Promise<SchemaProblem[]> {
  return (await examineTables(db, kinds)).problems;
}

/**
 * The indexes that some of the app's tables lack.
 *
 * @param tables their names, quoted
 * @param isPlanned also those of columns that the migration adds; otherwise those that can be built now
 */
export async function findMissingIndexes(
  db: Queryable,
  tables: ReadonlySet<string>,
  { isPlanned = false }: { isPlanned?: boolean } = {},
): Promise<SchemaProblem[]> {
  const found: SchemaProblem[] = [];
  for (const table of declareTables(db)) {
    if (!tables.has(table.table)) continue;
    const live = new Map((await readLiveColumns(db, table)).map((column) => [column.name, column]));
    const own = readRows(keyRow, (await db.query(keys, [table.table])).rows);
    for (const index of table.indexes)
      if (isPlanned || index.columns.every((column) => live.has(column)))
        found.push(...(await findMissingIndex(db, table, index, { live, own })));
  }
  return found.filter(({ restore }) => restore);
}

/** Unique keys that tables that keep their form lack and must get from the app, with their statements. */
export async function findLackingKeys(db: Queryable): Promise<SchemaProblem[]> {
  const found = new Map<TableKind, Columns>();
  for (const table of declareTables(db).filter(({ keepsForm }) => keepsForm)) {
    const live = await readLiveColumns(db, table);
    if (live.length > 0) found.set(table.kind, new Map(live.map((column) => [column.name, column])));
  }
  return (await findMissingKeys(db, found)).problems;
}

/** Problems that migrate would solve. In a table that keeps its form, a person solves them. */
function leaveToApp({ keepsForm }: DeclaredTable, problems: SchemaProblem[]): SchemaProblem[] {
  if (!keepsForm) return problems;
  return problems.map(({ restore, ...problem }) =>
    restore ? { statement: restore.statements.join("; "), ...problem } : problem,
  );
}

/** The problems of some tables, and the indexes that they lack. */
export async function examineTables(
  db: Queryable,
  kinds: readonly TableKind[] = tableKinds,
): Promise<{ problems: SchemaProblem[]; indexes: SchemaProblem[] }> {
  const problems: SchemaProblem[] = [];
  const found = new Map<TableKind, Columns>();
  const declared = declareTables(db).filter(({ kind }) => kinds.includes(kind));
  for (const table of declared) {
    const live = await readLiveColumns(db, table);
    const columns = new Map(live.map((column) => [column.name, column]));
    if (live.length === 0) {
      problems.push(await describeMissingTable(db, table));
      continue;
    }
    found.set(table.kind, columns);
    problems.push(...findColumnProblems(table, live));
    problems.push(...leaveToApp(table, await findMissingColumns(db, table, columns)));
    problems.push(...leaveToApp(table, findConstraintProblems(table, columns)));
  }
  const keys = kinds.includes("users") ? await findKeyProblems(db) : [];
  // While a table is missing, its foreign key may follow it under its new name, and is right there.
  const isWhole = found.size === declared.length;
  const relevant = isWhole
    ? keys
    : keys.filter(({ breaks }) => !breaks.some((one) => one.states.includes("23503")));
  const missing = await findMissingKeys(db, found);
  return { problems: [...problems, ...relevant, ...missing.problems], indexes: missing.indexes };
}

async function describeMissingTable(db: Queryable, table: DeclaredTable): Promise<SchemaProblem> {
  const object = table.label;
  const breaks = [{ states: ["42P01"] }];
  const renamed = await findRenamedTable(db, table);
  if (renamed !== undefined) {
    return {
      object,
      says: `${object} is missing, because it was renamed to ${renamed}`,
      statement: `alter table ${renamed} rename to ${quoteName(table.name)}`,
      breaks,
    };
  }
  if (!table.isOurs) return { object, says: `${object} is missing, and the app makes it`, breaks };
  return {
    object,
    says: `${object} is missing`,
    breaks,
    restore: {
      statements: [writeTable(table), ...table.uniqueTogether.map((key) => writeTogether(table, key))],
      // A new table counts its ids from 1, and the profiles would belong to other users.
      ...(table.kind === "users" && { blockers: (client: Queryable) => findOrphansWithoutUsers(client) }),
    },
  };
}

async function findOrphansWithoutUsers(db: Queryable): Promise<string[]> {
  const profile = findDeclared(db, "profile");
  const live = profile ? await readLiveColumns(db, profile) : [];
  return live.some(({ name }) => name === db.tables.mapping.profile?.link) ? findOrphans(db, false) : [];
}

async function findMissingColumns(
  db: Queryable,
  table: DeclaredTable,
  live: Columns,
): Promise<SchemaProblem[]> {
  const missing = table.columns.filter(({ name }) => !live.has(name));
  if (missing.length === 0) return [];
  const known = (await readKnownColumns(db)).filter((one) => one.kind === table.kind && one.isCurrent);
  const foreign = [...live.values()].filter(
    ({ name }) => !table.columns.some((column) => column.name === name),
  );
  return missing.map((column) => {
    const record = known.find((one) => one.column === column.name);
    const renamed = record && foreign.find(({ number }) => number === record.number);
    return renamed
      ? describeRenamed(table, column, renamed)
      : describeMissing(table, column, record || !table.isOurs ? [] : foreign);
  });
}

function describeRenamed(table: DeclaredTable, column: DeclaredColumn, now: LiveColumn): SchemaProblem {
  const object = `${table.label}.${column.name}`;
  return {
    object,
    says: `${object} is missing, because it was renamed to ${now.name}`,
    statement: renameColumn(table, now.name, column),
    breaks: missingColumn,
  };
}

const missingColumn = [{ states: ["42703", "42P10"] }];

/** @param others columns of the app of which one may be this column, when nothing was recorded */
function describeMissing(
  table: DeclaredTable,
  column: DeclaredColumn,
  others: readonly LiveColumn[],
): SchemaProblem {
  const object = `${table.label}.${column.name}`;
  const add = `alter table ${table.table} add column ${writeColumn(column)}`;
  if (!table.isOurs && column.field !== undefined)
    return {
      object,
      says: `${object} is missing, but ${column.field} names it`,
      breaks: missingColumn,
    };
  const alike = others.filter((one) => fits(one, column.rule) && !one.inPrimaryKey);
  if (alike.length > 0) {
    const names = alike.map(({ name }) => name).join(", ");
    return {
      object,
      says: `${object} is missing, or was renamed to one of: ${names}`,
      statement: `${renameColumn(table, alike[0]?.name ?? "", column)} -- or, if it was dropped: ${add}`,
      breaks: missingColumn,
    };
  }
  const needsValues = column.notNull && column.default === undefined;
  return {
    object,
    says: `${object} is missing`,
    ...(needsValues && {
      statement: `alter table ${table.table} add column ${column.column} ${column.type} -- then fill it, and run npx rollcall migrate`,
    }),
    breaks: missingColumn,
    restore: {
      statements: [add],
      ...(needsValues && {
        blockers: (db: Queryable) => findRowsLacking(db, table, column),
      }),
    },
  };
}

function renameColumn({ table }: DeclaredTable, from: string, { column }: DeclaredColumn): string {
  return `alter table ${table} rename column ${quoteName(from)} to ${column}`;
}

/** NOT NULL and defaults. A default of the app's own counts. */
function findConstraintProblems(table: DeclaredTable, live: Columns): SchemaProblem[] {
  return [
    ...table.columns.flatMap((declared) => {
      const column = live.get(declared.name);
      // A column of another type is first given its type back.
      if (!column || declared.isPrimary || !fits(column, declared.rule)) return [];
      return findConstraintProblemsOf(table, declared, column);
    }),
    ...[...live.values()]
      .filter((column) => isUnfilledTime(table, column))
      .map((column) => describeLackingDefault(table, column, quoteName(column.name), writeNow(column))),
  ];
}

/** The present time as the column holds it: without a time zone in UTC. */
function writeNow({ type }: LiveColumn): string {
  return type === "timestamp" ? "(now() at time zone 'utc')" : "now()";
}

function describeLackingDefault(
  { table, label }: DeclaredTable,
  { name, notNull }: LiveColumn,
  quoted: string,
  value: string,
): SchemaProblem {
  const object = `${label}.${name}`;
  return {
    object,
    says: `${object} has no default, but needs ${value}`,
    // A nullable column gets a null instead, which the next problem names.
    breaks: notNull ? [{ states: ["23502"], column: name }] : [],
    restore: { statements: [`alter table ${table} alter column ${quoted} set default ${value}`] },
  };
}

function findConstraintProblemsOf(
  table: DeclaredTable,
  declared: DeclaredColumn,
  column: LiveColumn,
): SchemaProblem[] {
  const { name, column: quoted, rule } = declared;
  const object = `${table.label}.${name}`;
  const alter = `alter table ${table.table} alter column ${quoted}`;
  const problems: SchemaProblem[] = [];
  const value = !table.isOurs && declared.default === "now()" ? writeNow(column) : declared.default;
  const unfit = findUnfitDefault(table, declared, column);
  // A default would be a difference to the app's own schema, and its tools would drop it.
  const needsNone = rule.isFilled && declared.field !== undefined && column.notNull;
  if (unfit) problems.push(unfit);
  else if (value !== undefined && !column.hasDefault && !needsNone)
    problems.push(describeLackingDefault(table, column, quoted, value));
  if (rule.nullable && column.notNull && !column.inPrimaryKey) {
    const statement = `${alter} drop not null`;
    problems.push({
      object,
      says: `${object} is NOT NULL, but must be able to be null`,
      breaks: [{ states: ["23502"], column: name }],
      // The app decides about its own columns.
      ...(table.isOurs || declared.field === undefined
        ? { restore: { statements: [statement] } }
        : { statement }),
    });
  }
  if (declared.notNull && !column.notNull && !unfit) {
    // In the app's own table, its own default is the right value.
    const filling = table.isOurs ? value : "default";
    const fill = `update ${table.table} set ${quoted} = ${filling} where ${quoted} is null`;
    problems.push({
      object,
      says: `${object} may be null, but must not`,
      breaks: [],
      restore: {
        statements: [...(value === undefined ? [] : [fill]), `${alter} set not null`],
        ...(value === undefined && {
          blockers: (db: Queryable) => findNulls(db, table, declared),
        }),
      },
    });
  }
  return problems;
}

const keys = `
select i.relname as name, m.amname as method, x.indisunique as "isUnique",
       x.indisvalid and x.indimmediate as "isUsable", not x.indisvalid as "isUnfinished", x.indnkeyatts = 1 as "isSingle",
       x.indpred is not null as "isPartial", a.attname::text as "column",
       x.indexprs is not null as "isExpression",
       array(
         select c.attname::text from pg_attribute c where c.attrelid = x.indrelid and c.attnum > 0 and exists (
           select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = x.indexrelid
             and d.refclassid = 'pg_class'::regclass and d.refobjid = x.indrelid and d.refobjsubid = c.attnum
         )
       ) as columns
from pg_index x
join pg_class i on i.oid = x.indexrelid
join pg_am m on m.oid = i.relam
left join pg_attribute a on a.attrelid = x.indrelid and a.attnum = x.indkey[0]
where x.indrelid = to_regclass($1)
`;

const keyRow = z.object({
  name: z.string(),
  method: z.string(),
  isUnique: z.boolean(),
  isUsable: z.boolean(),
  /** A concurrent build of it ended before its time. */
  isUnfinished: z.boolean(),
  isSingle: z.boolean(),
  isPartial: z.boolean(),
  /** Null for an expression. */
  column: z.string().nullable(),
  isExpression: z.boolean(),
  /** The columns that key and condition read; none for the index of a constraint. */
  columns: z.array(z.string()),
});

type Key = z.infer<typeof keyRow>;

const foreignKeys = `
select c.conname as name, c.confdeltype = $3 and c.convalidated as "isRight"
from pg_constraint c
join pg_attribute a on a.attrelid = c.conrelid and a.attname = $2
where c.conrelid = to_regclass($1) and c.contype = 'f' and c.conkey = array[a.attnum]
`;

const foreignKeyRow = z.object({ name: z.string(), isRight: z.boolean() });

/** Names that a new index or constraint cannot take. */
const takenNames = `
select relname::text as name from pg_class where relnamespace = to_regnamespace($2) and relname = any ($1::text[])
union
select conname::text from pg_constraint
where conrelid = any ($3::text[]::regclass[]) and conname = any ($1::text[])
`;

/** Unique keys, foreign keys and indexes. Those of a missing column are restored after it. */
async function findMissingKeys(
  db: Queryable,
  live: ReadonlyMap<TableKind, Columns>,
): Promise<{ problems: SchemaProblem[]; indexes: SchemaProblem[] }> {
  const problems: SchemaProblem[] = [];
  const indexes: SchemaProblem[] = [];
  for (const table of declareTables(db)) {
    const columns = live.get(table.kind);
    if (!columns) continue;
    const own = readRows(keyRow, (await db.query(keys, [table.table])).rows);
    const lacking: SchemaProblem[] = [];
    for (const column of table.columns) {
      lacking.push(...(await findMissingUnique(db, table, column, columns, own)));
    }
    lacking.push(...(await findMissingTogether(db, table, columns)));
    for (const key of table.foreignKeys) {
      // A missing target has its own line, and a table that was renamed keeps the key.
      if (live.has(key.target.kind)) lacking.push(...(await findMissingForeignKey(db, table, key)));
    }
    problems.push(...leaveToApp(table, lacking));
    for (const index of table.indexes) {
      const found = await findMissingIndex(db, table, index, { live: columns, own });
      indexes.push(...leaveToApp(table, found));
    }
  }
  return { problems, indexes };
}

/** A key counts under any name if `on conflict` accepts it. */
async function findMissingUnique(
  db: Queryable,
  table: DeclaredTable,
  column: DeclaredColumn,
  columns: Columns,
  own: readonly Key[],
): Promise<SchemaProblem[]> {
  const { name, column: quoted, isPrimary, uniqueKey } = column;
  if (!isPrimary && uniqueKey === undefined) return [];
  const isThere = own.some(
    (key) =>
      key.isUnique &&
      key.isUsable &&
      key.isSingle &&
      !key.isPartial &&
      !key.isExpression &&
      key.column === name,
  );
  if (isThere) return [];
  const hasPrimary = [...columns.values()].some(({ inPrimaryKey }) => inPrimaryKey);
  const chosen = await chooseName(db, table, uniqueKey ?? nameObject(table.name, `${name}_unique`));
  const live = columns.get(name);
  return [
    {
      object: chosen,
      says: `${table.label}.${name} has no unique key (${chosen})`,
      breaks: [{ states: ["42P10"] }],
      // Some types, such as json, cannot be compared.
      ...((!live || fits(live, column.rule)) && {
        restore: {
          needs: [`${table.label}.${name}`],
          statements: [
            isPrimary && !hasPrimary
              ? `alter table ${table.table} add primary key (${quoted})`
              : `alter table ${table.table} add constraint ${quoteName(chosen)} unique (${quoted})`,
          ],
          blockers: (client: Queryable) => findDuplicates(client, table, column),
        },
      }),
    },
  ];
}

/** A unique key over exactly these columns, in any order. */
const sameTogether = `
select from pg_index x
where x.indrelid = to_regclass($1) and x.indisunique and x.indisvalid and x.indimmediate
  and x.indpred is null and x.indexprs is null and x.indnkeyatts = cardinality($2::text[])
  and $2::text[] <@ array(
    select a.attname::text from pg_attribute a
    where a.attrelid = x.indrelid and a.attnum = any ((x.indkey::smallint[])[0:x.indnkeyatts - 1])
  )
`;

async function findMissingTogether(
  db: Queryable,
  table: DeclaredTable,
  live: Columns,
): Promise<SchemaProblem[]> {
  const problems: SchemaProblem[] = [];
  for (const { name, columns } of table.uniqueTogether) {
    const names = columns.map((column) => column.name);
    if ((await db.query(sameTogether, [table.table, names])).rows.length > 0) continue;
    const chosen = await chooseName(db, table, name);
    problems.push({
      object: chosen,
      says: `${table.label} has no unique key over ${names.join(" and ")} (${chosen})`,
      breaks: [{ states: ["42P10"] }],
      ...(names.every((one) => live.has(one)) && {
        restore: {
          statements: [writeTogether(table, { name: chosen, columns })],
          blockers: (client: Queryable) => findDuplicatePairs(client, table, columns),
        },
      }),
    });
  }
  return problems;
}

async function findMissingForeignKey(
  db: Queryable,
  table: DeclaredTable,
  key: DeclaredForeignKey,
): Promise<SchemaProblem[]> {
  const values = [table.table, key.column, key.onDelete === "cascade" ? "c" : "n"];
  const found = readRows(foreignKeyRow, (await db.query(foreignKeys, values)).rows);
  const wrong = found.filter(({ isRight }) => !isRight);
  if (found.length > 0 && wrong.length === 0) return [];
  const object = `${table.label}.${key.column}`;
  const drops = wrong.map(({ name }) => `alter table ${table.table} drop constraint ${quoteName(name)}`);
  const isReplaced = wrong.length < found.length;
  const name = wrong.some((one) => one.name === key.name) ? key.name : await chooseName(db, table, key.name);
  const target = `${key.target.label} (${key.target.column})`;
  return [
    {
      object: wrong[0]?.name ?? name,
      says:
        found.length === 0
          ? `${object} has no foreign key to ${target} (${name})`
          : `${object} has a foreign key (${wrong.map((one) => one.name).join(", ")}) that is not valid or not on delete ${key.onDelete}`,
      breaks: [],
      restore: {
        needs: [object, `${key.target.label}.${key.target.column}`],
        statements: isReplaced
          ? drops
          : [
              ...drops,
              `alter table ${table.table} add constraint ${quoteName(name)} ${writeForeignKey(key)}`,
            ],
        blockers: (client) =>
          table.kind === "profile" ? findOrphans(client, true) : findDangling(client, table, key),
      },
    },
  ];
}

async function findMissingIndex(
  db: Queryable,
  table: DeclaredTable,
  index: DeclaredIndex,
  { live, own }: { live: Columns; own: readonly Key[] },
): Promise<SchemaProblem[]> {
  const names = [index.name, nameObject("rollcall", index.name)];
  const named = own.filter(({ name }) => names.includes(name));
  const fitting = named.filter(
    (key) =>
      key.isUsable &&
      key.isSingle &&
      !key.isUnique &&
      key.method === index.method &&
      key.isPartial === (index.predicate !== undefined) &&
      (index.column === undefined ? key.isExpression : key.column === index.column),
  );
  // After a change of the mapping, an index may read a column that the mapping does not name any more. While a column is
  // missing, perhaps renamed, it has its own line.
  const isOfOthers = (key: Key) =>
    index.columns.every((column) => live.has(column)) &&
    !index.columns.every((column) => key.columns.includes(column));
  if (fitting.some((key) => !isOfOthers(key))) return [];
  const [schema] = table.label.split(".");
  const object = `${schema}.${index.name}`;
  const isThere = named.some(({ name }) => name === index.name);
  const isUnfinished = named.some((key) => key.name === index.name && key.isUnfinished);
  const name = isThere ? index.name : await chooseName(db, table, index.name);
  const create = writeIndex(table, { ...index, name });
  const drop = `drop index ${table.schema}.${quoteName(index.name)}`;
  const needs = index.columns.map((column) => `${table.label}.${column}`);
  // Without the index, everything works and is slow.
  return isThere
    ? [
        {
          object,
          says: isUnfinished
            ? `The build of the index ${object} did not end`
            : `The index ${object} has another form`,
          breaks: [],
          // The app decided about any other form.
          ...(isUnfinished || fitting.some((key) => key.name === index.name)
            ? { restore: { statements: [drop, create], needs } }
            : { statement: `${drop}; ${create}` }),
        },
      ]
    : [
        {
          object,
          says: `The index ${object} is missing`,
          breaks: [],
          restore: { statements: [create], needs },
        },
      ];
}

async function chooseName(db: Queryable, { schema }: DeclaredTable, name: string): Promise<string> {
  const tables = declareTables(db).map(({ table }) => table);
  const taken = await db.query(takenNames, [[name], schema, tables]);
  return taken.rows.length === 0 ? name : nameObject("rollcall", name);
}
