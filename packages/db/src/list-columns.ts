import type { ColumnKind, ColumnsAnswer, ColumnValue, ColumnView } from "@rollcall/contracts";
import { getTableColumns } from "drizzle-orm";
import { z } from "zod";
import type { Queryable } from "./pool.ts";
import { quoteName } from "./quote-name.ts";
import { readRows } from "./rows.ts";
import { mentorados, type User, users } from "./schema.ts";
import { type KeyType, perTables, type Tables } from "./tables.ts";

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
  /** Null for an app without profiles. */
  profile: { name: string; columns: readonly ListColumn[] } | null;
};

const catalogue = `
select case c.oid when $1::regclass then 'users' else 'profile' end as "table", a.attname as "column", t.typcategory as category, base.typname as type,
       array(
         select e.enumlabel::text from pg_enum e
         where e.enumtypid = base.oid order by e.enumsortorder
       ) as labels
from pg_class c
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
join pg_type t on t.oid = a.atttypid
join pg_type base on base.oid = coalesce(nullif(t.typbasetype, 0), t.oid)
where c.oid in ($1::regclass, $2::regclass)
order by a.attnum
`;

const catalogueRow = z.object({
  table: z.enum(["users", "profile"]),
  column: z.string(),
  category: z.string(),
  type: z.string(),
  labels: z.array(z.string()),
});

type CatalogueRow = z.infer<typeof catalogueRow>;

/** The keys of our columns in answers, by the quoted names of the columns. One column may be key and Clerk id. */
type Keys = ReadonlyMap<string, readonly string[]>;

const keysOf = perTables((tables): Record<"users" | "profile", Keys> => {
  const ofUsers = Object.keys(getTableColumns(users)).flatMap((key): [string, string][] => {
    const name = tables.users[key as keyof User];
    return name === undefined ? [] : [[name, key]];
  });
  return { users: groupByName(ofUsers), profile: groupByName(listProfileKeys(tables)) };
});

/** Columns of the default profile have keys of our own. Those of another one are the app's, with the app's names. */
function listProfileKeys({ profile }: Tables): [string, string][] {
  if (!profile) return [];
  if (!profile.isDefault)
    return [
      [profile.id, "id"],
      [profile.link, "userId"],
      [quoteName(mentorados.linkedAt.name), "linkedAt"],
    ];
  return Object.entries(getTableColumns(mentorados)).map(([key, { name }]) => [name, key]);
}

function groupByName(entries: readonly [name: string, key: string][]): Keys {
  const keys = new Map<string, string[]>();
  for (const [name, key] of entries) keys.set(name, [...(keys.get(name) ?? []), key]);
  return keys;
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
  const { tables } = db;
  const { profile } = tables;
  const { rows } = await db.query(catalogue, [tables.users.table, profile?.table ?? null]);
  const found = readRows(catalogueRow, rows);
  const keys = keysOf(db);
  const list = (table: CatalogueRow["table"], taken: ReadonlySet<string>) =>
    describe(
      found.filter((row) => row.table === table),
      { keys: keys[table], keyType: tables[table]?.keyType, taken, words: listWords(table, tables) },
    );
  const ofUsers = list("users", new Set());
  const taken = new Set(ofUsers.map(({ key }) => key));
  return {
    users: ofUsers,
    profile: profile ? { name: profile.name, columns: list("profile", taken) } : null,
  };
}

type Source = {
  keys: Keys;
  keyType: KeyType | undefined;
  /** The keys of the users' table: as filters they mean that table. */
  taken: ReadonlySet<string>;
  /** The quoted names of the app's columns whose values the mapping lists. No such word tells who a person is. */
  words: ReadonlySet<string>;
};

function listWords(table: CatalogueRow["table"], { profile }: Tables): ReadonlySet<string> {
  const columns = table === "profile" ? (profile?.columns ?? []) : [];
  return new Set(
    columns.flatMap((one) => (one.source === "metadata" && one.metadata.allowed ? [one.column] : [])),
  );
}

function describe(rows: readonly CatalogueRow[], source: Source): ListColumn[] {
  const { keys } = source;
  const known = rows.flatMap((row) =>
    (keys.get(quoteName(row.column)) ?? []).map((key) => ({ row, key, isOurs: true })),
  );
  const further = rows
    .filter(({ column }) => !keys.has(quoteName(column)) && !secret.test(column))
    .map((row) => ({ row, key: row.column, isOurs: false }));
  const columns = new Map<string, ListColumn>();
  for (const { row, key, isOurs } of [...known, ...further]) {
    // A key may be a domain over uuid, which no list of types has.
    const otherwise = row.type === "uuid" || isOurs ? "text" : undefined;
    const kind = kinds.get(row.category) ?? otherwise;
    if (kind === undefined || hidden.has(key) || columns.has(key)) continue;
    columns.set(key, describeColumn(row, { key, kind, isOurs, source }));
  }
  return [...columns.values()];
}

function describeColumn(
  row: CatalogueRow,
  of: { key: string; kind: ColumnKind; isOurs: boolean; source: Source },
): ListColumn {
  const { key, isOurs, source } = of;
  const fixed = isOurs && of.kind === "text" ? fixedValues.get(key) : undefined;
  const kind = fixed ? "enum" : of.kind;
  // A text or a number of the app may be a phone number or a document's. A smallint has too few digits.
  const mayIdentify = kind === "text" || (kind === "number" && row.type !== "int2");
  const name = quoteName(row.column);
  const isPersonal = isOurs ? personal.has(key) : mayIdentify && !source.words.has(name);
  const isFilter = !(isPersonal || kind === "time" || reserved.has(key) || source.taken.has(key));
  return {
    key,
    kind,
    values: fixed ?? (kind === "enum" ? row.labels : undefined),
    filterable: isFilter && !unfiltered.has(key),
    personal: isPersonal,
    name,
    toText: (alias) => toText(`${alias}.${name}`, row.type, isOurs),
    // A key of type bigint is a text, also while its values are small.
    read: (text) => (key === "id" && source.keyType === "bigint" ? text : readText(kind, text)),
  };
}

/** A text of the app may be as long as a book. */
const longestText = 200;
const utc = `'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'`;

function toText(column: string, type: string, isOurs: boolean): string {
  if (type === "timestamptz") return `to_char(${toYears(`(${column} at time zone 'UTC')`)}, ${utc})`;
  // Without a zone it is read as UTC, as the schema does.
  if (type === "timestamp") return `to_char(${toYears(column)}, ${utc})`;
  return isOurs ? `${column}::text` : `left(${column}::text, ${longestText})`;
}

/** An app may hold infinity, or a year with a digit too many. Such a time must not stop the list. */
const toYears = (time: string) =>
  `case when ${time} < '0001-01-01' then '0001-01-01' when ${time} > '9999-12-31' then '9999-12-31' else ${time} end`;

function readText(kind: ColumnKind, text: string): ColumnValue {
  if (kind === "boolean") return text === "true";
  // A number that JavaScript cannot hold exactly stays a text.
  if (kind === "number") return String(Number(text)) === text ? Number(text) : text;
  return text;
}

/** The description for the console, with values of the newest rows as suggestions for filters. */
export async function describeColumns(db: Queryable): Promise<ColumnsAnswer> {
  const { users: ofUsers, profile } = await readListColumns(db);
  const { tables } = db;
  const view = async (of: { table: string; id: string }, list: readonly ListColumn[]) =>
    Promise.all(
      list.map(async ({ key, kind, values, filterable, personal: isPersonal, name }): Promise<ColumnView> => {
        const isOpen = filterable && kind === "text";
        const known = isOpen ? await suggestValues(db, of, name) : values;
        return { key, kind, ...(known && { values: [...known] }), filterable, personal: isPersonal };
      }),
    );
  return {
    users: await view(tables.users, ofUsers),
    profile:
      profile && tables.profile
        ? { name: profile.name, columns: await view(tables.profile, profile.columns) }
        : null,
  };
}

async function suggestValues(
  db: Queryable,
  { table, id }: { table: string; id: string },
  name: string,
): Promise<string[]> {
  const result = await db.query(
    `select distinct value from (select ${name}::text as value from ${table} order by ${id} desc limit 1000) newest
     where value is not null and length(value) <= ${longestText} order by value limit 50`,
  );
  return readRows(z.object({ value: z.string() }), result.rows).map(({ value }) => value);
}
