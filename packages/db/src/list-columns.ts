import type { ColumnKind, ColumnsAnswer, ColumnValue, ColumnView } from "@rollcall/contracts";
import { getTableColumns } from "drizzle-orm";
import { z } from "zod";
import type { Queryable } from "./pool.ts";
import { readRows } from "./rows.ts";
import { mentorados, users } from "./schema.ts";

/** A column of either table, with the SQL that lists and filters need. */
export type ListColumn = Omit<ColumnView, "values"> & {
  /** All values of an enum. */
  values: readonly string[] | undefined;
  /** The quoted name. */
  name: string;
  /** The value as text, read from a row `alias`. */
  toText(alias: string): string;
  read(text: string): ColumnValue;
};

/** The columns that lists show and filters take. It is the only place that knows them. */
export type ListColumns = {
  users: readonly ListColumn[];
  profile: { name: string; columns: readonly ListColumn[] };
};

const catalogue = `
select c.relname as "table", a.attname as "column", t.typcategory as category, t.typname as type,
       array(
         select e.enumlabel::text from pg_enum e
         where e.enumtypid = coalesce(nullif(t.typbasetype, 0), t.oid) order by e.enumsortorder
       ) as labels
from pg_class c
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
join pg_type t on t.oid = a.atttypid
where c.oid in ('public.users'::regclass, 'public.mentorados'::regclass)
order by a.attnum
`;

const catalogueRow = z.object({
  table: z.enum(["users", "mentorados"]),
  column: z.string(),
  category: z.string(),
  type: z.string(),
  labels: z.array(z.string()),
});

type CatalogueRow = z.infer<typeof catalogueRow>;

/** Our columns by their names in the tables; the key is that of the answers. */
const ours = { users: keysByName(users), mentorados: keysByName(mentorados) };

function keysByName(table: typeof users | typeof mentorados): ReadonlyMap<string, string> {
  return new Map(Object.entries(getTableColumns(table)).map(([key, { name }]) => [name, key]));
}

/** Bookkeeping of Rollcall, and the link that a list follows anyway. */
const hidden = new Set(["readTicket", "userId"]);
/** No question of an operator: a search finds ids. */
const unfiltered = new Set(["id", "clerkId"]);
const personal = new Set(["email", "name", "imageUrl", "nomeCompleto", "fotoUrl"]);
/** Texts with a fixed set of values. An app may have made an enum of them, which then decides. */
const fixedValues = new Map([
  ["role", ["user", "admin"]],
  ["ativo", ["sim", "nao"]],
]);
/** Names of filters and of the list's own parameters. A column of the app with such a name is no filter. */
const reserved = new Set(
  "query state signedUpFrom signedUpTo withoutProfile drifted cursor limit format".split(" "),
);

/** An app may keep secrets beside its users. Names are all that Rollcall has to go by. */
const secret =
  /pass|pwd|senha|secret|segredo|token|hash|salt|otp|mfa|key|chave|pin|credential|cvv|card|auth/i;

const kinds = new Map<string, ColumnKind>([
  ["N", "number"],
  ["B", "boolean"],
  ["D", "time"],
  ["E", "enum"],
  ["S", "text"],
]);

/**
 * Reads which columns the two tables have now. Columns of the app come after ours, unless their type is no single value
 * (json, arrays, bytes) or their name says that they hold a secret.
 */
export async function readListColumns(db: Queryable): Promise<ListColumns> {
  const rows = readRows(catalogueRow, (await db.query(catalogue)).rows);
  const ofUsers = describe(rows, "users", new Set());
  const taken = new Set(ofUsers.map(({ key }) => key));
  return {
    users: ofUsers,
    profile: { name: "mentorado", columns: describe(rows, "mentorados", taken) },
  };
}

/** @param taken keys of the users' table: as filters they mean that table */
function describe(
  rows: readonly CatalogueRow[],
  table: CatalogueRow["table"],
  taken: ReadonlySet<string>,
): ListColumn[] {
  const keys = ours[table];
  const known = rows.filter((row) => row.table === table && keys.has(row.column));
  const further = rows.filter(
    ({ table: of, column }) => of === table && !keys.has(column) && !secret.test(column),
  );
  const columns = new Map<string, ListColumn>();
  for (const row of [...known, ...further]) {
    const key = keys.get(row.column) ?? row.column;
    const kind = row.type === "uuid" ? "text" : kinds.get(row.category);
    if (kind === undefined || hidden.has(key) || columns.has(key)) continue;
    columns.set(key, describeColumn(row, { key, kind, isOurs: keys.has(row.column), taken }));
  }
  return [...columns.values()];
}

function describeColumn(
  row: CatalogueRow,
  of: { key: string; kind: ColumnKind; isOurs: boolean; taken: ReadonlySet<string> },
): ListColumn {
  const { key, isOurs } = of;
  const fixed = isOurs && of.kind === "text" ? fixedValues.get(key) : undefined;
  const kind = fixed ? "enum" : of.kind;
  // A text or a number of the app may be a phone number or a document's. A smallint has too few digits.
  const mayIdentify = kind === "text" || (kind === "number" && row.type !== "int2");
  const isPersonal = isOurs ? personal.has(key) : mayIdentify;
  const isFilter = !(isPersonal || kind === "time" || reserved.has(key) || of.taken.has(key));
  const name = `"${row.column.replaceAll('"', '""')}"`;
  return {
    key,
    kind,
    values: fixed ?? (kind === "enum" ? row.labels : undefined),
    filterable: isFilter && !unfiltered.has(key),
    personal: isPersonal,
    name,
    toText: (alias) => toText(`${alias}.${name}`, row.type, isOurs),
    read: (text) => readText(kind, text),
  };
}

/** A text of the app may be as long as a book. */
const longestText = 200;
const utc = `'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'`;

function toText(column: string, type: string, isOurs: boolean): string {
  if (type === "timestamptz") return `to_char(${column} at time zone 'UTC', ${utc})`;
  // Without a zone it is read as UTC, as the schema does.
  if (type === "timestamp") return `to_char(${column}, ${utc})`;
  return isOurs ? `${column}::text` : `left(${column}::text, ${longestText})`;
}

function readText(kind: ColumnKind, text: string): ColumnValue {
  if (kind === "boolean") return text === "true";
  // A number that JavaScript cannot hold exactly stays a text.
  if (kind === "number") return String(Number(text)) === text ? Number(text) : text;
  return text;
}

/** The description for the console, with values of the newest rows as suggestions for filters. */
export async function describeColumns(db: Queryable): Promise<ColumnsAnswer> {
  const columns = await readListColumns(db);
  const view = async (table: string, list: readonly ListColumn[]) =>
    Promise.all(
      list.map(async ({ key, kind, values, filterable, personal: isPersonal, name }): Promise<ColumnView> => {
        const isOpen = filterable && kind === "text";
        const known = isOpen ? await suggestValues(db, table, name) : values;
        return { key, kind, ...(known && { values: [...known] }), filterable, personal: isPersonal };
      }),
    );
  return {
    users: await view("users", columns.users),
    profile: { name: columns.profile.name, columns: await view("mentorados", columns.profile.columns) },
  };
}

async function suggestValues(db: Queryable, table: string, name: string): Promise<string[]> {
  const result = await db.query(
    `select distinct value from (select ${name}::text as value from public.${table} order by id desc limit 1000) newest
     where value is not null and length(value) <= ${longestText} order by value limit 50`,
  );
  return readRows(z.object({ value: z.string() }), result.rows).map(({ value }) => value);
}
