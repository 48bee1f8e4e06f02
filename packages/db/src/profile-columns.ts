import { isDefaultProfile, type Mapping, toAnswerKey, toQualified } from "@rollcall/contracts";
import { quoteName, quoteText } from "./quote-name.ts";
import { describeStoredKey, nameStoredKeys, type StoredKey } from "./stored-keys.ts";

type MappedProfile = NonNullable<Mapping["profile"]>;
type MappedColumn = MappedProfile["columns"][string];
type KeyType = MappedProfile["key"]["type"];

/** A constant of the mapping, or a value of public metadata. */
export type ProfileValue = string | number | boolean | null;

/** The place of a value in Clerk's public metadata, and which values are taken. */
export type MetadataSource = {
  path: readonly string[];
  allowed: readonly string[] | undefined;
  default: ProfileValue | undefined;
};

/** A column that the mapping fills when a profile is made. */
export type ProfileColumn = {
  /** The name, quoted. */
  column: string;
  /** The key of the value in answers. */
  key: string;
} & (
  | { source: "name" | "email" | "imageUrl"; default: ProfileValue | undefined }
  | {
      source: "metadata";
      metadata: MetadataSource;
      /**
       * Whether values are sent as text. Otherwise Postgres reads them in the type of the column, which may be an enum, a
       * number or a boolean.
       */
      isText: boolean;
      default: ProfileValue | undefined;
    }
  | { source: "constant"; value: ProfileValue }
);

/** The table of the profiles as statements need it. Names are quoted. */
export type ProfileTable = {
  /** `schema.table`. */
  table: string;
  /** The same without quotes, for messages. */
  label: string;
  /** `schema.table` as a literal, for `::regclass`. */
  literal: string;
  /** The singular noun: the key in answers, and the prefix of log events. */
  name: string;
  id: string;
  keyType: KeyType;
  /**
   * Whether an insert must make a key: a condition, because the app may add or drop a default at any time. Undefined for
   * numbers, which always have a default.
   */
  lacksKeyDefault: string | undefined;
  /** The column that refers to the key of the users. */
  link: string;
  /** What a new profile gets, in the order of the mapping. The database's defaults fill every other column. */
  columns: readonly ProfileColumn[];
  /** The columns whose values come from public metadata, in the same order. */
  metadata: readonly MetadataSource[];
  /** The column whose address linking compares. Without one, no profile is linked by email, and there is no conflict. */
  email: string | undefined;
  /** Whether this is `public.mentorados` with all of its columns, of users with keys of integers. */
  isDefault: boolean;
  /** Whether a profile `m` with a user was unclaimed before. */
  wasUnclaimed: string;
  /** An assignment that follows others, for each change: `, updated_at = now()`; empty without such a column. */
  touched: string;
  /** The column of `touched`, if an insert fills it. */
  insertedUpdatedAt: string | undefined;
  /** Assignments that unlink a profile `m`. */
  unlinked: string;
  /** Assignments, beside the link, that make a profile a user's again. */
  relinked: string;
  /**
   * Assignments that erase a person, where `name` is the parameter for what names become, and whether they were carried
   * out; undefined without any.
   */
  erased(name: string): { assignments: string; isErased: string; usesName: boolean } | undefined;
  /** How schema `rollcall` holds keys, and in which columns. */
  stored: { user: StoredKey; profile: StoredKey } & ReturnType<typeof nameStoredKeys>;
};

export function describeProfile(profile: MappedProfile, userKey: KeyType): ProfileTable {
  const qualified = toQualified(profile.table);
  const table = qualified.map(quoteName).join(".");
  const literal = quoteText(table);
  const id = quoteName(profile.key.column);
  const columns = Object.entries(profile.columns).map(([name, mapped]) => describeColumn(name, mapped));
  // Answers with the default profile hold the users' key as a number.
  const isDefault = isDefaultProfile(profile) && userKey === "integer";
  const updatedAt = profile.updatedAt === undefined ? undefined : quoteName(profile.updatedAt);
  const touched = updatedAt === undefined ? "" : `, ${updatedAt} = now()`;
  const stored = { user: describeStoredKey(userKey), profile: describeStoredKey(profile.key.type) };
  const from = (...sources: ProfileColumn["source"][]) =>
    columns.filter(({ source }) => sources.includes(source)).map(({ column }) => column);
  const [names, others] = [from("name"), from("email", "imageUrl")];
  // Without a list of allowed values, it may be a phone number or a document's. The default table has a class there.
  const free = isDefault ? [] : columns.filter((one) => one.source === "metadata" && !one.metadata.allowed);
  return {
    table,
    label: qualified.join("."),
    literal,
    name: profile.name,
    id,
    keyType: profile.key.type,
    lacksKeyDefault: /^(uuid|text)$/.test(profile.key.type)
      ? lacksDefault(literal, profile.key.column)
      : undefined,
    link: quoteName(profile.link),
    columns,
    metadata: columns.flatMap((one) => (one.source === "metadata" ? [one.metadata] : [])),
    email: from("email")[0],
    isDefault,
    // An app's own time of creation may lack a zone, or be rounded. Only the default table's is known to be exact.
    wasUnclaimed: isDefault
      ? "m.linked_at > m.created_at"
      : `exists (select from rollcall.claimed_profiles k where k.profile_key = m.${id}::text)`,
    touched,
    // The default table has a default for it.
    insertedUpdatedAt: isDefault ? undefined : updatedAt,
    unlinked: isDefault
      ? `linked_at = coalesce(m.linked_at, m.created_at), ativo = 'nao'${touched}`
      : `linked_at = coalesce(m.linked_at, now())${touched}`,
    relinked: `linked_at = now()${isDefault ? ", ativo = 'sim'" : ""}${touched}`,
    erased: (name) =>
      names.length + others.length + free.length === 0
        ? undefined
        : {
            assignments: `${[
              ...names.map((column) => `${column} = ${name}`),
              ...others.map((column) => `${column} = null`),
              ...free.map((one) => `${one.column} = ${writeDefault(one)}`),
            ].join(", ")}${touched}`,
            isErased: [
              "true",
              ...names.map((column) => `${column}::text = ${name}`),
              ...others.map((column) => `${column} is null`),
            ].join(" and "),
            usesName: names.length > 0,
          },
    stored: { ...stored, ...nameStoredKeys(stored.user, stored.profile) },
  };
}

function describeColumn(name: string, mapped: MappedColumn): ProfileColumn {
  const names = { column: quoteName(name), key: toAnswerKey(name) };
  if ("value" in mapped) return { ...names, source: "constant", value: mapped.value };
  const { from, allowed, default: value } = mapped;
  if (from === "name" || from === "email" || from === "imageUrl")
    return { ...names, source: from, default: value };
  return {
    ...names,
    source: "metadata",
    metadata: { path: from.split(".").slice(1), allowed, default: value },
    isText: allowed === undefined && (value === undefined || value === null || typeof value === "string"),
    default: value,
  };
}

/** As a literal without a type, which Postgres reads in the type of the column. */
function writeDefault(column: ProfileColumn): string {
  const value = "default" in column ? column.default : undefined;
  return value === undefined || value === null ? "null" : quoteText(String(value));
}

function lacksDefault(table: string, column: string): string {
  return `(
    select not a.atthasdef and a.attidentity = '' and t.typdefault is null
    from pg_catalog.pg_attribute a join pg_catalog.pg_type t on t.oid = a.atttypid
    where a.attrelid = ${table}::regclass and a.attname = ${quoteText(column)}
  )`;
}
