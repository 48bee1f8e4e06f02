import { getTableColumns, is, SQL } from "drizzle-orm";
import { getTableConfig, IndexedColumn, type PgColumn, PgDialect, type PgTable } from "drizzle-orm/pg-core";
import { mentorados, users } from "../schema.ts";

/** The two tables as `schema.ts` declares them: the one source of what migrate restores and `rollcall schema` prints. */
export type DeclaredTable = {
  name: TableName;
  columns: readonly DeclaredColumn[];
  indexes: readonly DeclaredIndex[];
  foreignKeys: readonly DeclaredForeignKey[];
};

export type TableName = "users" | "mentorados";

export type DeclaredColumn = {
  name: string;
  /** The name in drizzle's table and in answers of the API. */
  property: string;
  /** As in `create table`; `serial` for an id. */
  type: string;
  notNull: boolean;
  /** The SQL of the default; undefined without one, and for an id. */
  default: string | undefined;
  isPrimary: boolean;
  /** The name of the unique key over this column alone. */
  uniqueKey: string | undefined;
};

export type DeclaredIndex = {
  name: string;
  method: string;
  /** The plain column; undefined for an expression. */
  column: string | undefined;
  /** All columns that it reads. */
  columns: readonly string[];
  /** The column's name or the expression, as in `create index`. */
  key: string;
  /** The property of the plain column. */
  property: string | undefined;
  predicate: string | undefined;
};

export type DeclaredForeignKey = {
  name: string;
  column: string;
  property: string;
  target: { table: TableName; column: string; property: string };
  onDelete: string;
};

const dialect = new PgDialect();

export const declaredTables: readonly DeclaredTable[] = [
  declare("users", users),
  declare("mentorados", mentorados),
];

function declare(name: TableName, table: PgTable): DeclaredTable {
  const { indexes, foreignKeys } = getTableConfig(table);
  return {
    name,
    columns: Object.entries(getTableColumns(table)).map(([property, column]) =>
      declareColumn(property, column as PgColumn),
    ),
    indexes: indexes.map(({ config }) => {
      const [key] = config.columns;
      const column = is(key, IndexedColumn) ? (key.name ?? "") : undefined;
      const expression = column ?? writeSql(key);
      const predicate = config.where && writeSql(config.where);
      const names = getTableConfig(table).columns.map((one) => one.name);
      return {
        name: config.name ?? "",
        method: config.method ?? "btree",
        column,
        columns: names.filter((one) => new RegExp(`\\b${one}\\b`).test(`${expression} ${predicate ?? ""}`)),
        key: expression,
        property: column && propertyOf(table, column),
        predicate,
      };
    }),
    foreignKeys: foreignKeys.map((foreignKey) => {
      const { columns, foreignColumns, foreignTable } = foreignKey.reference();
      const [column, target] = [columns[0]?.name ?? "", foreignColumns[0]?.name ?? ""];
      return {
        name: foreignKey.getName(),
        column,
        property: propertyOf(table, column),
        target: {
          table: getTableConfig(foreignTable).name as TableName,
          column: target,
          property: propertyOf(foreignTable, target),
        },
        onDelete: foreignKey.onDelete ?? "no action",
      };
    }),
  };
}

function declareColumn(property: string, column: PgColumn): DeclaredColumn {
  const type = column.getSQLType();
  return {
    name: column.name,
    property,
    type,
    notNull: column.notNull,
    default: type === "serial" || !column.hasDefault ? undefined : writeDefault(column.default),
    isPrimary: column.primary,
    uniqueKey: column.isUnique ? column.uniqueName : undefined,
  };
}

function propertyOf(table: PgTable, name: string): string {
  const found = Object.entries(getTableColumns(table)).find(([, column]) => column.name === name);
  return found?.[0] ?? name;
}

function writeDefault(value: unknown): string {
  if (is(value, SQL)) return writeSql(value);
  return typeof value === "string" ? quoteText(value) : String(value);
}

/** The declarations hold no parameters, so the text is the whole statement. */
function writeSql(value: unknown): string {
  return is(value, SQL) ? dialect.sqlToQuery(value).sql : "";
}

function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** The column as in `create table` and `add column`. */
export function writeColumn({ name, type, notNull, default: value }: DeclaredColumn): string {
  return [
    name,
    type,
    ...(value === undefined ? [] : [`default ${value}`]),
    ...(notNull && type !== "serial" ? ["not null"] : []),
  ].join(" ");
}

export function writeIndex(
  table: TableName,
  { name, method, column, key, predicate }: DeclaredIndex,
): string {
  const on = `create index ${name} on public.${table} using ${method} (${column ?? `(${key})`})`;
  return predicate === undefined ? on : `${on} where ${predicate}`;
}

/** `create table`, with the table's keys. */
export function writeTable({ name, columns, foreignKeys }: DeclaredTable): string {
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
  return `create table public.${name} (\n${lines.join(",\n")}\n)`;
}

/** The clause of a foreign key, after its name. */
export function writeForeignKey({ column, target, onDelete }: DeclaredForeignKey): string {
  return `foreign key (${column}) references public.${target.table} (${target.column}) on delete ${onDelete}`;
}
