import { type Mapping, toQualified } from "@rollcall/contracts";
import { quoteName } from "../quote-name.ts";
import { isDefaultMapping, type Tables } from "../tables.ts";
import type { ColumnRule } from "./column-rules.ts";

/**
 * One of the app's tables as Rollcall needs it: the one source of what migrate checks, adds and restores, and what
 * `rollcall schema` prints. Types and defaults come from `schema.ts`, names from the mapping.
 */
export type DeclaredTable = {
  kind: TableKind;
  /** `schema.table`, quoted. */
  table: string;
  /** The same without quotes, for messages. */
  label: string;
  /** The schema, quoted, and the name of the table alone. */
  schema: string;
  name: string;
  /** Rollcall makes the default tables with every column. In tables of another mapping it adds only its own columns. */
  isOurs: boolean;
  /** With separate state, Rollcall changes nothing about the table itself: a person solves each problem. */
  keepsForm: boolean;
  columns: readonly DeclaredColumn[];
  /** Unique keys over several columns, in any order. */
  uniqueTogether: readonly { name: string; columns: readonly DeclaredColumn[] }[];
  indexes: readonly DeclaredIndex[];
  /** Indexes that make statements on a large table fast, and that only the app may add: see `keepsForm`. */
  advisedIndexes: readonly DeclaredIndex[];
  foreignKeys: readonly DeclaredForeignKey[];
};

export const tableKinds = ["users", "profile", "organizations", "memberships"] as const;

export type TableKind = (typeof tableKinds)[number];

export type DeclaredColumn = {
  name: string;
  /** The name, quoted. */
  column: string;
  /** The name in drizzle's table and in answers of the API. */
  property: string;
  /** The field of the mapping that names the column: `users.columns.tier`. Undefined if the mapping does not. */
  field: string | undefined;
  /** A field of the mapping that may name the column. */
  possibleField: string | undefined;
  /** As in `create table`; `serial` for an id. */
  type: string;
  notNull: boolean;
  /** The SQL of the default; undefined without one, and for an id. */
  default: string | undefined;
  isPrimary: boolean;
  /** The name of the unique key over this column alone. */
  uniqueKey: string | undefined;
  /** The values must be distinct, and the app's table may lack a key that says so. */
  isWatched?: boolean;
  rule: ColumnRule;
};

export type DeclaredIndex = {
  name: string;
  method: string;
  /** The plain column; undefined for an expression. */
  column: string | undefined;
  /** All columns that it reads. */
  columns: readonly string[];
  /** The column, quoted, or the expression, as in `create index`. */
  key: string;
  /** The property of the plain column. */
  property: string | undefined;
  predicate: string | undefined;
};

export type DeclaredForeignKey = {
  name: string;
  column: string;
  property: string;
  target: { kind: TableKind; table: string; label: string; column: string; property: string };
  onDelete: string;
};

/** Postgres cuts longer names, and two cut names may be equal. */
const longestNameBytes = 63;

/** A name for a key or an index, of the table's name and a suffix. It is cut where it would be too long. */
export function nameObject(table: string, suffix: string): string {
  // A character has up to four bytes.
  const end = cutName(suffix, longestNameBytes - 5);
  const start = cutName(table, longestNameBytes - 1 - Buffer.byteLength(end));
  return `${start}_${end}`;
}

function cutName(name: string, longestBytes: number): string {
  let cut = [...name];
  while (Buffer.byteLength(cut.join("")) > longestBytes) cut = cut.slice(0, -1);
  return cut.join("");
}

export function describeTable(kind: TableKind, table: string, { mapping }: Tables) {
  const [schema, name] = toQualified(table);
  return {
    kind,
    table: `${quoteName(schema)}.${quoteName(name)}`,
    label: `${schema}.${name}`,
    schema: quoteName(schema),
    name,
    isOurs: isDefaultMapping(mapping),
    keepsForm: mapping.users.state === "separate",
  };
}

export const typeOfKey = (type: Mapping["users"]["key"]["type"]) => (type === "integer" ? "serial" : type);

/** The column as in `create table` and `add column`. */
export function writeColumn({ column, type, notNull, default: value }: DeclaredColumn): string {
  return [
    column,
    type,
    ...(value === undefined ? [] : [`default ${value}`]),
    ...(notNull && type !== "serial" ? ["not null"] : []),
  ].join(" ");
}

export function writeIndex(
  { table }: DeclaredTable,
  { name, method, column, key, predicate }: DeclaredIndex,
): string {
  const on = `create index ${quoteName(name)} on ${table} using ${method} (${column === undefined ? `(${key})` : key})`;
  return predicate === undefined ? on : `${on} where ${predicate}`;
}

/** `create table`, with the table's keys. Those over several columns come after it. */
export function writeTable({ table, columns, foreignKeys }: DeclaredTable): string {
  const lines = [
    ...columns.map((column) =>
      [
        `  ${writeColumn(column)}`,
        ...(column.isPrimary ? ["primary key"] : []),
        ...(column.uniqueKey === undefined ? [] : [`constraint ${column.uniqueKey} unique`]),
      ].join(" "),
    ),
    ...foreignKeys.map((key) => `  constraint ${key.name} ${writeForeignKey(key)}`),
  ];
  return `create table ${table} (\n${lines.join(",\n")}\n)`;
}

/** An index and no constraint: drizzle-kit makes a constraint over several columns again at each push. */
export function writeTogether(
  { table }: DeclaredTable,
  { name, columns }: DeclaredTable["uniqueTogether"][number],
): string {
  return `create unique index ${quoteName(name)} on ${table} (${columns.map(({ column }) => column).join(", ")})`;
}

/** The clause of a foreign key, after its name. */
export function writeForeignKey({ column, target, onDelete }: DeclaredForeignKey): string {
  return `foreign key (${quoteName(column)}) references ${target.table} (${quoteName(target.column)}) on delete ${onDelete}`;
}
