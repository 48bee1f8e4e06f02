import { z } from "zod";
import type { Queryable } from "../../queryable.ts";
import { quoteName } from "../../quote-name.ts";
import { readRows } from "../../rows.ts";
import { defaultTables } from "../../tables.ts";
import type { MappedColumn } from "../../user-columns.ts";

/** What an existing column must be, so that our statements work with it. */
type ColumnRule = {
  /** Names in pg_type. A domain counts as its base type. */
  types: readonly string[];
  /** The same as text, with the recommended type first. */
  says: string;
  /** The shortest `varchar(n)`, in characters. */
  minLength?: number;
  /** Labels that an enum must have, where an enum is allowed. */
  labels?: readonly string[];
  /** The fewest fractional digits of a second, for times that decide about order. */
  minPrecision?: number;
  nullable?: true;
};

/** A value that is too long fails its own user. The lengths are those that occur at Clerk. */
const text = (minLength: number): ColumnRule => ({
  types: ["text", "varchar", "citext"],
  says: `text, or varchar of at least ${minLength}`,
  minLength,
});

const oneOf = (...labels: string[]): ColumnRule => ({
  types: ["text", "varchar", "citext", "enum"],
  says: `text, or an enum with ${labels.map((label) => `'${label}'`).join(" and ")}`,
  minLength: Math.max(...labels.map((label) => label.length)),
  labels,
});

/** Our own tables refer to these ids. pg returns a bigint as text, and a uuid would change the answers of the API. */
const rowId: ColumnRule = { types: ["int4"], says: "integer" };

const flag: ColumnRule = { types: ["bool"], says: "boolean" };

const amount: ColumnRule = { types: ["int4", "int8", "int2"], says: "integer, bigint or smallint" };

/** Without a time zone it is read as UTC, as drizzle reads it. */
const instant: ColumnRule = {
  types: ["timestamptz", "timestamp"],
  says: "timestamp with time zone, or timestamp",
};

/** applySnapshots compares these columns with now() to find the changed rows. */
const changeMark: ColumnRule = { ...instant, says: `${instant.says}, in microseconds`, minPrecision: 6 };

/** Clerk counts in milliseconds. The meaning of a time without a zone depends on the zone of the session. */
const orderMark: ColumnRule = {
  types: ["timestamptz"],
  says: "timestamp with time zone, in milliseconds at least",
  minPrecision: 3,
};

const nullable = (rule: ColumnRule): ColumnRule => ({ ...rule, nullable: true });

/** Clerk's ids have 32 characters. citext is refused, because ids that differ only in case are different users. */
const clerkId: ColumnRule = {
  types: ["text", "varchar"],
  says: "text, or varchar of at least 32",
  minLength: 32,
};

function ruleOf({ type, minLength = 0 }: MappedColumn): ColumnRule {
  switch (type) {
    case "text":
      return nullable(text(minLength));
    case "boolean":
      return flag;
    case "time":
      return nullable(orderMark);
  }
}

export const columnRules: Readonly<Record<"users" | "mentorados", Readonly<Record<string, ColumnRule>>>> = {
  users: {
    id: rowId,
    clerk_id: clerkId,
    ...Object.fromEntries(defaultTables.users.clerkColumns.map((column) => [column.name, ruleOf(column)])),
    role: oneOf("user", "admin"),
    role_source: nullable({
      types: ["text", "varchar"],
      says: "text, or varchar of at least 5",
      minLength: 5,
    }),
    tier: oneOf("FREE"),
    read_ticket: nullable({ types: ["int8"], says: "bigint" }),
    deleted_at: nullable(instant),
    created_at: changeMark,
    updated_at: changeMark,
  },
  mentorados: {
    id: rowId,
    user_id: nullable(rowId),
    nome_completo: text(100),
    email: nullable(text(254)),
    foto_url: nullable(text(255)),
    turma: nullable(text(64)),
    ativo: oneOf("sim", "nao"),
    meta_faturamento: amount,
    meta_leads: amount,
    meta_procedimentos: amount,
    meta_posts: amount,
    meta_stories: amount,
    linked_at: nullable(instant),
    created_at: changeMark,
    updated_at: changeMark,
  },
};

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
  regexp_replace(format_type(a.atttypid, a.atttypmod), '^public[.]', '') as "shown",
  case
    when modifier.value < 0        then null
    when base.typname = 'varchar'  then modifier.value - 4
    when base.typname like 'time%' then modifier.value
  end as "limit",
  array(select e.enumlabel::text from pg_enum e where e.enumtypid = base.oid order by e.enumsortorder) as "labels",
  a.attnotnull or own.typnotnull as "notNull",
  a.atthasdef or a.attidentity <> '' or own.typdefault is not null as "hasDefault",
  a.attgenerated <> '' as "generated",
  exists (select from pg_index i where i.indrelid = a.attrelid and i.indisprimary and a.attnum = any(i.indkey))
    as "inPrimaryKey"
from pg_attribute a
join pg_type own on own.oid = a.atttypid
join pg_type base on base.oid = case own.typtype when 'd' then own.typbasetype else own.oid end
cross join lateral (select case own.typtype when 'd' then own.typtypmod else a.atttypmod end) as modifier (value)
where a.attrelid = to_regclass($1) and a.attnum > 0 and not a.attisdropped
order by a.attnum
`;

/** The columns of `public.<table>`, in their order; none without such a table. */
export async function readLiveColumns(db: Queryable, table: string): Promise<LiveColumn[]> {
  return readRows(liveColumn, (await db.query(columnsOfTable, [`public.${table}`])).rows);
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
export function findColumnProblems(
  table: string,
  rules: Readonly<Record<string, ColumnRule>>,
  columns: readonly LiveColumn[],
): FormProblem[] {
  return columns.flatMap((column) => {
    const rule = rules[column.name];
    return rule ? checkOurs(table, column, rule) : checkExtra(table, column);
  });
}

/** Our inserts do not set the column, so the database must have a value for it. */
function checkExtra(table: string, column: LiveColumn): FormProblem[] {
  if (!column.notNull || column.hasDefault) return [];
  const object = `${table}.${column.name}`;
  return [
    {
      object,
      says: `${object} is NOT NULL without a default, and Rollcall does not fill it: give it one, or drop the NOT NULL`,
      statement: `alter table ${table} alter column ${quoteName(column.name)} drop not null`,
      breaks: [{ states: ["23502"], column: column.name }],
    },
  ];
}

function checkOurs(table: string, column: LiveColumn, rule: ColumnRule): FormProblem[] {
  const problems: FormProblem[] = [];
  const object = `${table}.${column.name}`;
  if (!fits(column, rule)) {
    const [type] = rule.says.split(",", 1);
    problems.push({
      object,
      says: `${object} is ${column.shown}, but must be ${rule.says}: change its type, or rename it`,
      // Postgres cannot cast a default. The next migrate restores ours.
      statement: [
        `alter table ${table}`,
        ...(column.hasDefault ? [`alter column ${column.name} drop default,`] : []),
        `alter column ${column.name} type ${type} using ${column.name}::${type}`,
      ].join(" "),
      breaks: [{ states: typeStates }],
    });
  }
  const missing = column.type === "enum" ? lackingLabels(column, rule) : [];
  for (const label of missing) {
    const statement = `alter type ${column.shown} add value '${label}'`;
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
      statement: `alter table ${table} alter column ${column.name} drop expression`,
      breaks: [{ states: ["428C9"] }],
    });
  }
  if (column.name === "id" && !column.hasDefault) {
    const statement = `alter table ${table} alter column id add generated by default as identity`;
    problems.push({
      object,
      says: `${object} has no default: ${statement}`,
      statement,
      breaks: [{ states: ["23502"], column: "id" }],
    });
  }
  if (rule.nullable && column.inPrimaryKey) {
    problems.push({
      object,
      says: `${object} is in the primary key, but must be able to be null: make id the primary key`,
      breaks: [{ states: ["23502"], column: column.name }],
    });
  }
  return problems;
}

/** Whether the column has a type with which our statements work. */
export function fits(column: LiveColumn, rule: ColumnRule): boolean {
  if (!rule.types.includes(column.type)) return false;
  if (column.limit === null) return true;
  return column.limit >= (column.type === "varchar" ? (rule.minLength ?? 0) : (rule.minPrecision ?? 0));
}

function lackingLabels(column: LiveColumn, rule: ColumnRule): string[] {
  return (rule.labels ?? []).filter((label) => !column.labels.includes(label));
}
