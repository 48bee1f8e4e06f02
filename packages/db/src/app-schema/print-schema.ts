import { defaultMapping, type Mapping } from "@rollcall/contracts";
import { createTables } from "../tables.ts";
import {
  type DeclaredColumn,
  type DeclaredIndex,
  type DeclaredTable,
  declareTables,
  writeColumn,
  writeIndex,
  writeTable,
} from "./declared-tables.ts";

export type SchemaFormat = "drizzle" | "prisma" | "sql";

/**
 * What an app's own schema must hold, so that its tools keep Rollcall's columns, keys and indexes. The app may have
 * further columns. It keeps its own names of keys, and its own types where `npx rollcall migrate` accepted them. Of tables that
 * the mapping names, it prints what Rollcall adds to them.
 */
export function printSchema(format: SchemaFormat, mapping: Mapping = defaultMapping): string {
  const tables = declareTables({ tables: createTables(mapping) });
  if (tables.every(({ keepsForm }) => keepsForm)) return printNeeds(format === "sql" ? "--" : "//", tables);
  const isOurs = tables.every((table) => table.isOurs);
  switch (format) {
    case "drizzle":
      return isOurs ? printDrizzle(tables) : printDrizzleAdditions(tables);
    case "prisma":
      return isOurs ? printPrisma(tables) : printPrismaAdditions(tables);
    case "sql":
      return isOurs ? printSql(tables) : printSqlAdditions(tables);
    default:
      return format satisfies never;
  }
}

const builders: Readonly<Record<string, { name: string; options?: string }>> = {
  serial: { name: "serial" },
  text: { name: "text" },
  boolean: { name: "boolean" },
  integer: { name: "integer" },
  bigint: { name: "bigint", options: `{ mode: "number" }` },
  "timestamp with time zone": { name: "timestamp", options: "{ withTimezone: true }" },
};

function builderOf({ type }: DeclaredColumn) {
  const builder = builders[type];
  if (!builder) throw new Error(`The schema has a type that cannot be printed: ${type}`);
  return builder;
}

function printDrizzle(tables: readonly DeclaredTable[]): string {
  const used = new Set(tables.flatMap(({ columns }) => columns.map((column) => builderOf(column).name)));
  return [
    `import { sql } from "drizzle-orm";`,
    `import { ${["index", "pgTable", ...used].toSorted().join(", ")} } from "drizzle-orm/pg-core";`,
    ...tables.flatMap((table) => ["", ...printDrizzleTable(table)]),
    "",
  ].join("\n");
}

function printDrizzleTable(table: DeclaredTable): string[] {
  const columns = table.columns.map((column) => {
    const key = table.foreignKeys.find((one) => one.column === column.name);
    const parts = [
      writeDrizzleColumn(column),
      ...(key
        ? [
            `.references(() => ${key.target.kind === "users" ? "users" : "mentorados"}.${key.target.property}, { onDelete: ${JSON.stringify(key.onDelete)} })`,
          ]
        : []),
    ];
    return `    ${column.property}: ${parts.join("")},`;
  });
  const indexes = table.indexes.map((index) => `    ${writeDrizzleIndex(index)},`);
  return [
    `export const ${table.name} = pgTable(`,
    `  ${JSON.stringify(table.name)},`,
    "  {",
    ...columns,
    "  },",
    `  (${indexes.some((line) => line.includes("table.")) ? "table" : ""}) => [`,
    ...indexes,
    "  ],",
    ");",
  ];
}

function writeDrizzleColumn(column: DeclaredColumn): string {
  const { name, options } = builderOf(column);
  return [
    `${name}(${[JSON.stringify(column.name), ...(options ? [options] : [])].join(", ")})`,
    ...(column.isPrimary ? [".primaryKey()"] : []),
    ...(column.notNull && !column.isPrimary ? [".notNull()"] : []),
    ...(column.default === undefined ? [] : [drizzleDefault(column.default)]),
    ...(column.uniqueKey === undefined ? [] : [`.unique(${JSON.stringify(column.uniqueKey)})`]),
  ].join("");
}

function writeDrizzleIndex({ name, method, property, key, predicate }: DeclaredIndex): string {
  const on = property === undefined ? `sql\`${escapeTemplate(key)}\`` : `table.${property}`;
  const where = predicate === undefined ? "" : `.where(sql\`${escapeTemplate(predicate)}\`)`;
  return `index(${JSON.stringify(name)}).using(${JSON.stringify(method)}, ${on})${where}`;
}

/** The columns that Rollcall adds to a table of the app. */
function listAdded({ columns }: DeclaredTable): DeclaredColumn[] {
  return columns.filter(({ field }) => field === undefined);
}

/** What the app's own columns need, one line each. */
function describeNeeds({ columns, label }: DeclaredTable): string[] {
  return columns.flatMap(({ name, field, uniqueKey, notNull, isPrimary, default: value, rule }) => {
    if (field === undefined) return [];
    const needsDefault = rule.isFilled
      ? "NOT NULL, and the default of migrate if it could be null before"
      : `NOT NULL and a default (${value}, if it has none)`;
    const needs = [
      ...(uniqueKey === undefined || isPrimary ? [] : [`a unique key (${uniqueKey}, if it has none)`]),
      ...(notNull && !isPrimary && value !== undefined ? [needsDefault] : []),
    ];
    return needs.length === 0 ? [] : [`${label}.${name} needs ${needs.join(", ")}`];
  });
}

/** With separate state, the app's tables get nothing. */
function printNeeds(comment: string, tables: readonly DeclaredTable[]): string {
  return [
    "Nothing of Rollcall's is in the app's tables: its state is in schema rollcall.",
    ...tables.flatMap(describeNeeds),
    "Indexes that keep Rollcall fast beside many rows, where the app has none like them:",
    ...tables.flatMap((table) => table.advisedIndexes.map((index) => `  ${writeIndex(table, index)};`)),
  ]
    .map((line) => `${comment} ${line}\n`)
    .join("");
}

function printDrizzleAdditions(tables: readonly DeclaredTable[]): string {
  const used = new Set(tables.flatMap((table) => listAdded(table).map((column) => builderOf(column).name)));
  return [
    `import { sql } from "drizzle-orm";`,
    `import { type ExtraConfigColumn, ${["index", ...used].toSorted().join(", ")} } from "drizzle-orm/pg-core";`,
    "// If your table already has a property of such a name, rename the one below. Only the name in quotes counts.",
    ...tables.flatMap((table) => [
      "",
      ...describeNeeds(table).map((line) => `// ${line}`),
      `// Columns and indexes of ${table.label}: pgTable("…", { …, ...${table.kind}Columns }, (table) => [ …, ...${table.kind}Indexes(${describeIndexed(table) && "table"}) ])`,
      `export const ${table.kind}Columns = {`,
      ...listAdded(table).map((column) => `  ${column.property}: ${writeDrizzleColumn(column)},`),
      "};",
      `export const ${table.kind}Indexes = (${describeIndexed(table)}) => [`,
      ...table.indexes.map((index) => `  ${writeDrizzleIndex(index)},`),
      "];",
    ]),
    "",
  ].join("\n");
}

/** The parameter with the columns that plain indexes read. */
function describeIndexed({ indexes }: DeclaredTable): string {
  const properties = indexes.flatMap(({ property }) => (property === undefined ? [] : [property]));
  return properties.length === 0
    ? ""
    : `table: { ${properties.map((property) => `${property}: ExtraConfigColumn`).join("; ")} }`;
}

function printPrismaAdditions(tables: readonly DeclaredTable[]): string {
  return [
    ...describePrismaIndexes(tables),
    "// If your model already has a field of such a name, rename the one below, and give it @map with the column's name.",
    ...tables.flatMap((table) => [
      "",
      ...describeNeeds(table).map((line) => `// ${line}`),
      `// Fields of the model of ${table.label}:`,
      ...listAdded(table).map((column) => `  ${writePrismaField(column)}`),
    ]),
    "",
  ].join("\n");
}

function printSqlAdditions(tables: readonly DeclaredTable[]): string {
  return tables
    .flatMap((table) => [
      ...describeNeeds(table).map((line) => `-- ${line}`),
      ...listAdded(table).map((column) => `alter table ${table.table} add column ${writeColumn(column)};`),
      ...table.indexes.map((index) => `${writeIndex(table, index)};`),
      "",
    ])
    .join("\n");
}

/** Strings, numbers and booleans of SQL look like those of JavaScript, except for the quotes. */
function drizzleDefault(value: string): string {
  if (value === "now()") return ".defaultNow()";
  return `.default(${isText(value) ? JSON.stringify(readText(value)) : value})`;
}

function escapeTemplate(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("`", "\\`").replaceAll("${", "\\${");
}

const prismaTypes: Readonly<Record<string, { name: string; attribute?: string }>> = {
  serial: { name: "Int", attribute: "@default(autoincrement())" },
  text: { name: "String" },
  boolean: { name: "Boolean" },
  integer: { name: "Int" },
  bigint: { name: "BigInt" },
  "timestamp with time zone": { name: "DateTime", attribute: "@db.Timestamptz(6)" },
};

const models = {
  users: { name: "User", relation: "user" },
  profile: { name: "Mentorado", relation: "mentorado" },
} as const;

function printPrisma(tables: readonly DeclaredTable[]): string {
  return [
    ...describePrismaIndexes(tables),
    ...tables.flatMap((table) => ["", ...printPrismaModel(table, tables)]),
    "",
  ].join("\n");
}

/** Models hold none of the indexes. Prisma 7.4 dropped partial ones: https://github.com/prisma/prisma/issues/29220 */
function describePrismaIndexes(tables: readonly DeclaredTable[]): string[] {
  const indexes = tables.flatMap((table) => table.indexes.map((index) => ({ ...index, label: table.label })));
  const partial = indexes.flatMap(({ name, property, predicate, label }) =>
    property === undefined || predicate === undefined
      ? []
      : [
          `//   ${label}: @@index([${property}], map: ${JSON.stringify(name)}, where: raw(${JSON.stringify(predicate)}))`,
        ],
  );
  return [
    "// Prisma sees no index over an expression or with a condition, and so it never drops one:",
    ...indexes.map(({ name }) => `//   ${name}`),
    "// Only with its preview feature partialIndexes it does, and then the model needs this line. Version 7.4 drops the index in any case:",
    ...partial,
  ];
}

function printPrismaModel(table: DeclaredTable, tables: readonly DeclaredTable[]): string[] {
  const fields = table.columns.map(writePrismaField);
  const relations = table.foreignKeys.map(
    ({ name, property, target, onDelete }) =>
      `${models[target.kind].relation} ${models[target.kind].name}? @relation(fields: [${property}], references: [${target.property}], onDelete: ${prismaActions[onDelete]}, onUpdate: NoAction, map: ${JSON.stringify(name)})`,
  );
  // The key is unique, so the other side has at most one row.
  const backRelations = tables.flatMap((other) =>
    other.foreignKeys
      .filter(({ target }) => target.kind === table.kind)
      .map(() => `${models[other.kind].relation} ${models[other.kind].name}?`),
  );
  return [
    `model ${models[table.kind].name} {`,
    ...[...fields, ...relations, ...backRelations].map((line) => `  ${line}`),
    "",
    `  @@map(${JSON.stringify(table.name)})`,
    "}",
  ];
}

function writePrismaField(column: DeclaredColumn): string {
  const type = prismaTypes[column.type];
  if (!type) throw new Error(`The schema has a type that cannot be printed: ${column.type}`);
  return [
    column.property,
    `${type.name}${column.notNull ? "" : "?"}`,
    ...(column.isPrimary ? ["@id"] : []),
    ...(column.uniqueKey === undefined ? [] : [`@unique(map: ${JSON.stringify(column.uniqueKey)})`]),
    ...(column.default === undefined ? [] : [`@default(${prismaDefault(column.default)})`]),
    ...(type.attribute ? [type.attribute] : []),
    ...(column.property === column.name ? [] : [`@map(${JSON.stringify(column.name)})`]),
  ].join(" ");
}

const prismaActions: Readonly<Record<string, string>> = { "set null": "SetNull", "no action": "NoAction" };

function prismaDefault(value: string): string {
  return isText(value) ? JSON.stringify(readText(value)) : value;
}

function printSql(tables: readonly DeclaredTable[]): string {
  return tables
    .flatMap((table) => [
      `${writeTable(table)};`,
      ...table.indexes.map((index) => `${writeIndex(table, index)};`),
      "",
    ])
    .join("\n");
}

const isText = (value: string) => value.startsWith("'");
const readText = (value: string) => value.slice(1, -1).replaceAll("''", "'");
