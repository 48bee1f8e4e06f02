import { z } from "zod";
import {
  columnRules,
  type FormProblem,
  findColumnProblems,
  fits,
  type LiveColumn,
  readLiveColumns,
} from "../migrate/adoption/column-problems.ts";
import { findKeyProblems } from "../migrate/adoption/key-problems.ts";
import { findDuplicates, findNulls, findOrphans, findRowsLacking } from "../migrate/adoption/row-problems.ts";
import type { Queryable } from "../queryable.ts";
import { quoteName } from "../quote-name.ts";
import { readRows } from "../rows.ts";
import {
  type DeclaredColumn,
  type DeclaredForeignKey,
  type DeclaredIndex,
  type DeclaredTable,
  declaredTables,
  type TableName,
  writeColumn,
  writeForeignKey,
  writeIndex,
  writeTable,
} from "./declared-tables.ts";
import { findRenamedTable, readKnownColumns } from "./known-columns.ts";

/** A way in which the app's two tables changed since the migration. */
export type SchemaProblem = FormProblem & {
  /** How `npm run migrate` solves it. Undefined: a person runs `statement`. */
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
  const problems: SchemaProblem[] = [];
  const found = new Map<TableName, Columns>();
  for (const table of declaredTables) {
    const live = await readLiveColumns(db, table.name);
    const columns = new Map(live.map((column) => [column.name, column]));
    if (live.length === 0) {
      problems.push(await describeMissingTable(db, table));
      continue;
    }
    found.set(table.name, columns);
    problems.push(...findColumnProblems(`public.${table.name}`, columnRules[table.name], live));
    problems.push(...(await findMissingColumns(db, table, columns)));
    problems.push(...findConstraintProblems(table, columns));
  }
  const keys = await findKeyProblems(db);
  // While a table is missing, its foreign key may follow it under its new name, and is right there.
  const isWhole = found.size === declaredTables.length;
  const relevant = isWhole
    ? keys
    : keys.filter(({ breaks }) => !breaks.some((one) => one.states.includes("23503")));
  return [...problems, ...relevant, ...(await findMissingKeys(db, found))];
}

async function describeMissingTable(db: Queryable, table: DeclaredTable): Promise<SchemaProblem> {
  const object = `public.${table.name}`;
  const breaks = [{ states: ["42P01"] }];
  const renamed = await findRenamedTable(db, table.name);
  if (renamed !== undefined) {
    return {
      object,
      says: `${object} is missing, because it was renamed to ${renamed}`,
      statement: `alter table ${renamed} rename to ${table.name}`,
      breaks,
    };
  }
  return {
    object,
    says: `${object} is missing`,
    breaks,
    restore: {
      statements: [writeTable(table)],
      // A new table counts its ids from 1, and the profiles would belong to other users.
      ...(table.name === "users" && { blockers: (client: Queryable) => findOrphansWithoutUsers(client) }),
    },
  };
}

async function findOrphansWithoutUsers(db: Queryable): Promise<string[]> {
  const profiles = await readLiveColumns(db, "mentorados");
  return profiles.some(({ name }) => name === "user_id") ? findOrphans(db, false) : [];
}

async function findMissingColumns(
  db: Queryable,
  table: DeclaredTable,
  live: Columns,
): Promise<SchemaProblem[]> {
  const missing = table.columns.filter(({ name }) => !live.has(name));
  if (missing.length === 0) return [];
  const known = (await readKnownColumns(db)).filter((one) => one.table === table.name && one.isCurrent);
  const foreign = [...live.values()].filter(({ name }) => !columnRules[table.name][name]);
  return missing.map((column) => {
    const record = known.find((one) => one.column === column.name);
    const renamed = record && foreign.find(({ number }) => number === record.number);
    return renamed
      ? describeRenamed(table.name, column, renamed)
      : describeMissing(table.name, column, record ? [] : foreign);
  });
}

function describeRenamed(table: TableName, { name }: DeclaredColumn, now: LiveColumn): SchemaProblem {
  return {
    object: `public.${table}.${name}`,
    says: `public.${table}.${name} is missing, because it was renamed to ${now.name}`,
    statement: renameColumn(table, now.name, name),
    breaks: missingColumn,
  };
}

const missingColumn = [{ states: ["42703", "42P10"] }];

/** @param others columns of the app of which one may be this column, when nothing was recorded */
function describeMissing(
  table: TableName,
  column: DeclaredColumn,
  others: readonly LiveColumn[],
): SchemaProblem {
  const object = `public.${table}.${column.name}`;
  const add = `alter table public.${table} add column ${writeColumn(column)}`;
  const rule = columnRules[table][column.name];
  const alike = others.filter((one) => rule && fits(one, rule) && !one.inPrimaryKey);
  if (alike.length > 0) {
    const names = alike.map(({ name }) => name).join(", ");
    return {
      object,
      says: `${object} is missing, or was renamed to one of: ${names}`,
      statement: `${renameColumn(table, alike[0]?.name ?? "", column.name)} -- or, if it was dropped: ${add}`,
      breaks: missingColumn,
    };
  }
  const needsValues = column.notNull && column.default === undefined;
  return {
    object,
    says: `${object} is missing`,
    ...(needsValues && {
      statement: `alter table public.${table} add column ${column.name} ${column.type} -- then fill it, and run npm run migrate`,
    }),
    breaks: missingColumn,
    restore: {
      statements: [add],
      ...(needsValues && {
        blockers: (db: Queryable) => findRowsLacking(db, table, column.name),
      }),
    },
  };
}

function renameColumn(table: TableName, from: string, to: string): string {
  return `alter table public.${table} rename column ${quoteName(from)} to ${to}`;
}

/** NOT NULL and defaults. A default of the app's own counts. */
function findConstraintProblems(table: DeclaredTable, live: Columns): SchemaProblem[] {
  return table.columns.flatMap((declared) => {
    const column = live.get(declared.name);
    const rule = columnRules[table.name][declared.name];
    // A column of another type is first given its type back.
    if (!column || declared.isPrimary || (rule && !fits(column, rule))) return [];
    const object = `public.${table.name}.${declared.name}`;
    const alter = `alter table public.${table.name} alter column ${declared.name}`;
    const problems: SchemaProblem[] = [];
    const value = declared.default;
    if (value !== undefined && !column.hasDefault) {
      problems.push({
        object,
        says: `${object} has no default, but needs ${value}`,
        // A nullable column gets a null instead, which the next problem names.
        breaks: column.notNull ? [{ states: ["23502"], column: declared.name }] : [],
        restore: { statements: [`${alter} set default ${value}`] },
      });
    }
    if (!declared.notNull && column.notNull && !column.inPrimaryKey) {
      problems.push({
        object,
        says: `${object} is NOT NULL, but must be able to be null`,
        breaks: [{ states: ["23502"], column: declared.name }],
        restore: { statements: [`${alter} drop not null`] },
      });
    }
    if (declared.notNull && !column.notNull) {
      const fill = `update public.${table.name} set ${declared.name} = ${value} where ${declared.name} is null`;
      problems.push({
        object,
        says: `${object} may be null, but must not`,
        breaks: [],
        restore: {
          statements: [...(value === undefined ? [] : [fill]), `${alter} set not null`],
          ...(value === undefined && {
            blockers: (db: Queryable) => findNulls(db, table.name, declared.name),
          }),
        },
      });
    }
    return problems;
  });
}

const keys = `
select t.relname as "table", i.relname as name, m.amname as method, x.indisunique as "isUnique",
       x.indisvalid and x.indimmediate as "isUsable", x.indnkeyatts = 1 as "isSingle",
       x.indpred is not null as "isPartial", a.attname::text as "column",
       x.indexprs is not null as "isExpression"
from pg_index x
join pg_class i on i.oid = x.indexrelid
join pg_class t on t.oid = x.indrelid
join pg_am m on m.oid = i.relam
left join pg_attribute a on a.attrelid = x.indrelid and a.attnum = x.indkey[0]
where x.indrelid in (to_regclass('public.users'), to_regclass('public.mentorados'))
`;

const keyRow = z.object({
  table: z.string(),
  name: z.string(),
  method: z.string(),
  isUnique: z.boolean(),
  isUsable: z.boolean(),
  isSingle: z.boolean(),
  isPartial: z.boolean(),
  /** Null for an expression. */
  column: z.string().nullable(),
  isExpression: z.boolean(),
});

type Key = z.infer<typeof keyRow>;

const foreignKeys = `
select c.conname as name, c.confdeltype = 'n' and c.convalidated as "isRight"
from pg_constraint c
join pg_attribute a on a.attrelid = c.conrelid and a.attname = $2
where c.conrelid = to_regclass('public.' || $1) and c.contype = 'f' and c.conkey = array[a.attnum]
`;

const foreignKeyRow = z.object({ name: z.string(), isRight: z.boolean() });

/** Names that a new index or constraint cannot take. */
const takenNames = `
select relname::text as name from pg_class where relnamespace = 'public'::regnamespace and relname = any ($1::text[])
union
select conname::text from pg_constraint
where conrelid in (to_regclass('public.users'), to_regclass('public.mentorados')) and conname = any ($1::text[])
`;

/** Unique keys, foreign keys and indexes. Those of a missing column are restored after it. */
async function findMissingKeys(
  db: Queryable,
  live: ReadonlyMap<TableName, Columns>,
): Promise<SchemaProblem[]> {
  const found = readRows(keyRow, (await db.query(keys)).rows);
  const problems: SchemaProblem[] = [];
  for (const table of declaredTables) {
    const columns = live.get(table.name);
    if (!columns) continue;
    const own = found.filter((key) => key.table === table.name);
    for (const column of table.columns) {
      problems.push(...(await findMissingUnique(db, table.name, column, columns, own)));
    }
    for (const key of table.foreignKeys) {
      // A missing target has its own line, and a table that was renamed keeps the key.
      if (live.has(key.target.table)) problems.push(...(await findMissingForeignKey(db, table.name, key)));
    }
    for (const index of table.indexes) problems.push(...(await findMissingIndex(db, table.name, index, own)));
  }
  return problems;
}

/** A key counts under any name if `on conflict` accepts it. */
async function findMissingUnique(
  db: Queryable,
  table: TableName,
  column: DeclaredColumn,
  columns: Columns,
  own: readonly Key[],
): Promise<SchemaProblem[]> {
  const { name, isPrimary, uniqueKey } = column;
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
  const chosen = await chooseName(db, uniqueKey ?? `${table}_${name}_unique`);
  const [live, rule] = [columns.get(name), columnRules[table][name]];
  return [
    {
      object: chosen,
      says: `public.${table}.${name} has no unique key (${chosen})`,
      breaks: [{ states: ["42P10"] }],
      // Some types, such as json, cannot be compared.
      ...((!live || !rule || fits(live, rule)) && {
        restore: {
          needs: [`public.${table}.${name}`],
          statements: [
            isPrimary && !hasPrimary
              ? `alter table public.${table} add primary key (${name})`
              : `alter table public.${table} add constraint ${chosen} unique (${name})`,
          ],
          blockers: (client: Queryable) => findDuplicates(client, table, name),
        },
      }),
    },
  ];
}

async function findMissingForeignKey(
  db: Queryable,
  table: TableName,
  key: DeclaredForeignKey,
): Promise<SchemaProblem[]> {
  const found = readRows(foreignKeyRow, (await db.query(foreignKeys, [table, key.column])).rows);
  const wrong = found.filter(({ isRight }) => !isRight);
  if (found.length > 0 && wrong.length === 0) return [];
  const object = `public.${table}.${key.column}`;
  const drops = wrong.map(({ name }) => `alter table public.${table} drop constraint ${quoteName(name)}`);
  const isReplaced = wrong.length < found.length;
  const name = wrong.some((one) => one.name === key.name) ? key.name : await chooseName(db, key.name);
  const target = `public.${key.target.table} (${key.target.column})`;
  return [
    {
      object: wrong[0]?.name ?? name,
      says:
        found.length === 0
          ? `${object} has no foreign key to ${target} (${name})`
          : `${object} has a foreign key (${wrong.map((one) => one.name).join(", ")}) that is not valid or not on delete ${key.onDelete}`,
      breaks: [],
      restore: {
        needs: [object, `public.${key.target.table}.${key.target.column}`],
        statements: isReplaced
          ? drops
          : [...drops, `alter table public.${table} add constraint ${name} ${writeForeignKey(key)}`],
        blockers: (client) => findOrphans(client, true),
      },
    },
  ];
}

async function findMissingIndex(
  db: Queryable,
  table: TableName,
  index: DeclaredIndex,
  own: readonly Key[],
): Promise<SchemaProblem[]> {
  const named = own.filter(({ name }) => name === index.name || name === `rollcall_${index.name}`);
  const fitting = named.some(
    (key) =>
      key.isUsable &&
      key.isSingle &&
      !key.isUnique &&
      key.method === index.method &&
      key.isPartial === (index.predicate !== undefined) &&
      (index.column === undefined ? key.isExpression : key.column === index.column),
  );
  if (fitting) return [];
  const object = `public.${index.name}`;
  const isThere = named.some(({ name }) => name === index.name);
  const name = isThere ? index.name : await chooseName(db, index.name);
  const create = writeIndex(table, { ...index, name });
  // Without the index, everything works and is slow.
  return isThere
    ? [
        {
          object,
          says: `The index ${object} has another form`,
          statement: `drop index ${object}; ${create}`,
          breaks: [],
        },
      ]
    : [
        {
          object,
          says: `The index ${object} is missing`,
          breaks: [],
          restore: {
            statements: [create],
            needs: index.columns.map((column) => `public.${table}.${column}`),
          },
        },
      ];
}

async function chooseName(db: Queryable, name: string): Promise<string> {
  return (await db.query(takenNames, [[name]])).rows.length === 0 ? name : `rollcall_${name}`;
}
