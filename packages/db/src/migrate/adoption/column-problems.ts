import { z } from "zod";
import type { ColumnRule } from "../../app-schema/column-rules.ts";
import type { DeclaredColumn, DeclaredTable } from "../../app-schema/declared-table.ts";
import type { Queryable } from "../../queryable.ts";
import { quoteName, quoteText } from "../../quote-name.ts";
import { readRows } from "../../rows.ts";

const liveColumn = z.object({
  name: z.string(),
  /** Stays when the column is renamed. */
  number: z.number(),
  /** The name in pg_type of the type, or of the domain's base type. `enum` for every enum. */
  type: z.string(),
  /** As in `create table`. */
  shown: z.string(),
  /** n of `varchar(n)`, or the fractional digits of a second; null without a limit. */
  limit: z.number().nullable(),
  /** Texts are equal only if they are the same. False with a nondeterministic collation. */
  isExact: z.boolean(),
  labels: z.array(z.string()),
  notNull: z.boolean(),
  hasDefault: z.boolean(),
  generated: z.boolean(),
  inPrimaryKey: z.boolean(),
});

/** A column of the database. */
export type LiveColumn = z.infer<typeof liveColumn>;

const columnsOfTable = `
select
  a.attname as "name",
  a.attnum::int as "number",
  case when base.typtype = 'e' then 'enum' else base.typname end as "type",
  regexp_replace(format_type(a.atttypid, a.atttypmod), '^public[.]', '')
    || case when coalesce(l.collisdeterministic, true) then '' else ' collate ' || quote_ident(l.collname) end as "shown",
  case
    when modifier.value < 0        then null
    when base.typname = 'varchar'  then modifier.value - 4
    when base.typname like 'time%' then modifier.value
  end as "limit",
  array(select e.enumlabel::text from pg_enum e where e.enumtypid = base.oid order by e.enumsortorder) as "labels",
  coalesce(l.collisdeterministic, true) as "isExact",
  a.attnotnull or own.typnotnull as "notNull",
  a.atthasdef or a.attidentity <> '' or own.typdefault is not null as "hasDefault",
  a.attgenerated <> '' as "generated",
  exists (select from pg_index i where i.indrelid = a.attrelid and i.indisprimary and a.attnum = any(i.indkey))
    as "inPrimaryKey"
from pg_attribute a
join pg_type own on own.oid = a.atttypid
join pg_type base on base.oid = case own.typtype when 'd' then own.typbasetype else own.oid end
cross join lateral (select case own.typtype when 'd' then own.typtypmod else a.atttypmod end) as modifier (value)
left join pg_collation l on l.oid = a.attcollation
where a.attrelid = to_regclass($1) and a.attnum > 0 and not a.attisdropped
order by a.attnum
`;

/** The columns of the table, in their order; none without such a table. */
export async function readLiveColumns(
  db: Queryable,
  { table }: Pick<DeclaredTable, "table">,
): Promise<LiveColumn[]> {
  return readRows(liveColumn, (await db.query(columnsOfTable, [table])).rows);
}

/** A way in which the live tables differ from what Rollcall's statements need. */
export type FormProblem = {
  /** The table, column, index or constraint: `public.users.image_url`. */
  object: string;
  says: string;
  /** The statement that solves it, for a person. Undefined where a person must decide first. */
  statement?: string;
  /** What Postgres answers to statements that fail because of it. Empty: no statement fails. */
  breaks: readonly Breakage[];
};

/** A SQLSTATE, only with this column or constraint where one is named. */
export type Breakage = { states: readonly string[]; column?: string; constraint?: string };

/** A value of another type fails as a type error or as a value that cannot be converted. */
const typeStates = [
  ...["42804", "42883", "42846", "42725", "42P08", "42P18", "42P21", "42P22", "0A000"],
  ...["22001", "22003", "22007", "22008", "22P02"],
];

/** The problems of an existing table's columns. Pure. */
export function findColumnProblems(table: DeclaredTable, columns: readonly LiveColumn[]): FormProblem[] {
  const declared = new Map(table.columns.map((column) => [column.name, column]));
  return columns.flatMap((column) => {
    const ours = declared.get(column.name);
    return ours ? checkOurs(table, ours, column) : checkExtra(table, column);
  });
}

/**
 * Whether the column is a required time of an app that only the app's own program fills, such as an `updatedAt` of Prisma
 * that the mapping does not name. Migrate gives it a default.
 */
export function isUnfilledTime({ isOurs, keepsForm, columns }: DeclaredTable, column: LiveColumn): boolean {
  return (
    !isOurs &&
    !keepsForm &&
    column.notNull &&
    !column.hasDefault &&
    column.type.startsWith("timestamp") &&
    columns.every(({ name }) => name !== column.name)
  );
}

/** Our inserts do not set the column, so the database must have a value for it. */
function checkExtra(table: DeclaredTable, column: LiveColumn): FormProblem[] {
  if (!column.notNull || column.hasDefault || isUnfilledTime(table, column)) return [];
  const object = `${table.label}.${column.name}`;
  return [
    {
      object,
      says: `${object} is NOT NULL without a default, and Rollcall does not fill it: give it one, or drop the NOT NULL`,
      statement: `alter table ${table.table} alter column ${quoteName(column.name)} drop not null`,
      breaks: [{ states: ["23502"], column: column.name }],
    },
  ];
}

function checkOurs(table: DeclaredTable, declared: DeclaredColumn, column: LiveColumn): FormProblem[] {
  const problems: FormProblem[] = [];
  const object = `${table.label}.${column.name}`;
  const { rule, column: name } = declared;
  const alter = `alter table ${table.table} alter column ${name}`;
  if (!fits(column, rule)) {
    const [type] = rule.says.split(",", 1);
    problems.push({
      object,
      says: `${object} is ${column.shown}, but must be ${rule.says}: ${adviseType(table, declared)}`,
      // Postgres cannot cast a default. The next migrate restores ours.
      statement: [
        `alter table ${table.table}`,
        ...(column.hasDefault ? [`alter column ${name} drop default,`] : []),
        `alter column ${name} type ${type} using ${name}::${type}`,
      ].join(" "),
      breaks: [{ states: typeStates }],
    });
  }
  const missing = column.type === "enum" ? lackingLabels(column, rule) : [];
  for (const label of missing) {
    const statement =
      renameLabel(table, column, label) ?? `alter type ${column.shown} add value ${quoteText(label)}`;
    problems.push({
      object,
      says: `${object} lacks a value: ${statement}`,
      statement,
      breaks: [{ states: ["22P02"] }],
    });
  }
  if (column.generated) {
    problems.push({
      object,
      says: `${object} is a generated column, but Rollcall writes it`,
      statement: `${alter} drop expression`,
      breaks: [{ states: ["428C9"] }],
    });
  }
  if (rule.needsDefault && !column.hasDefault) {
    const statement = `${alter} add generated by default as identity`;
    problems.push({
      object,
      says: `${object} has no default: ${statement}`,
      statement,
      breaks: [{ states: ["23502"], column: column.name }],
    });
  }
  if (rule.isUnfilled) problems.push(...checkExtra(table, column));
  if (rule.nullable && column.inPrimaryKey) {
    problems.push({
      object,
      says: `${object} is in the primary key, but must be able to be null: make ${nameKey(table)} the primary key`,
      breaks: [{ states: ["23502"], column: column.name }],
    });
  }
  return problems;
}

/** The default of ours is no value of the app's enum, so only the app can choose one. Undefined if it is, or with a default. */
export function findUnfitDefault(
  { table, label }: DeclaredTable,
  { default: value }: DeclaredColumn,
  column: LiveColumn,
): FormProblem | undefined {
  const [first] = column.labels;
  const isUnfit = column.type === "enum" && !column.hasDefault && value !== undefined && first !== undefined;
  if (!isUnfit || column.labels.some((one) => quoteText(one) === value)) return undefined;
  const object = `${label}.${column.name}`;
  const statement = `alter table ${table} alter column ${quoteName(column.name)} set default ${quoteText(first)}`;
  return {
    object,
    says: `${object} has no default, and its enum has no ${value}: give it one of its own values, for example ${statement}`,
    statement,
    breaks: column.notNull ? [{ states: ["23502"], column: column.name }] : [],
  };
}

function adviseType({ isOurs }: DeclaredTable, { field }: DeclaredColumn): string {
  if (isOurs) return "change its type, or rename it";
  return field === undefined ? "rename it" : `change its type, or ${field}`;
}

function nameKey({ columns }: DeclaredTable): string {
  return columns.find(({ isPrimary }) => isPrimary)?.name ?? "id";
}

/** Whether the column has a type with which our statements work. */
export function fits(column: LiveColumn, rule: ColumnRule): boolean {
  if (rule.types === "any") return true;
  if (!rule.types.includes(column.type) || (rule.isExact && !column.isExact)) return false;
  if (column.limit === null) return true;
  return column.limit >= (column.type === "varchar" ? (rule.minLength ?? 0) : (rule.minPrecision ?? 0));
}

/** The app's role USER means our user. A second value would be one that the app's own code does not know. */
function renameLabel({ kind }: DeclaredTable, column: LiveColumn, label: string): string | undefined {
  const alike = column.labels.find((one) => one.toLowerCase() === label.toLowerCase());
  return kind === "users" && alike !== undefined
    ? `alter type ${column.shown} rename value ${quoteText(alike)} to ${quoteText(label)}`
    : undefined;
}

function lackingLabels(column: LiveColumn, rule: ColumnRule): string[] {
  return (rule.labels ?? []).filter((label) => !column.labels.includes(label));
}
