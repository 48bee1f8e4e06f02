import { defaultMapping, type Mapping, toAnswerKey } from "@rollcall/contracts";
import { createTables } from "../tables.ts";
import {
  type DeclaredColumn,
  type DeclaredIndex,
  type DeclaredTable,
  writeColumn,
  writeIndex,
  writeTable,
  writeTogether,
} from "./declared-table.ts";
import { declareTables } from "./declared-tables.ts";

export type SchemaFormat = "drizzle" | "prisma" | "sql";

/**
 * What an app's own schema must hold, so that its tools keep Rollcall's columns, keys and indexes. The app may have
 * further columns. It keeps its own names of keys, and its own types where `npx rollcall migrate` accepted them. Of tables that
 * the mapping names, it prints what Rollcall adds to them.
 */
export function printSchema(format: SchemaFormat, mapping: Mapping = defaultMapping): string {
  const tables = declareTables({ tables: createTables(mapping) });
  if (tables.every(({ keepsForm }) => keepsForm)) return printNeeds(format === "sql" ? "--" : "//", tables);
  const made = tables.filter(({ isOurs }) => isOurs);
  const added = tables.filter(({ isOurs, keepsForm }) => !isOurs && !keepsForm);
  const kept = tables.filter(({ keepsForm }) => keepsForm);
  const needs = kept.length > 0 ? printNeeds(format === "sql" ? "--" : "//", kept) : "";
  switch (format) {
    case "drizzle":
      return needs + printDrizzle(made, added);
    case "prisma":
      return needs + printPrisma(made, added);
    case "sql":
      return needs + printSql(made) + printSqlAdditions(added);
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
  uuid: { name: "uuid" },
  "timestamp with time zone": { name: "timestamp", options: "{ withTimezone: true }" },
};

function builderOf({ type }: DeclaredColumn) {
  const builder = builders[type];
  if (!builder) throw new Error(`The schema has a type that cannot be printed: ${type}`);
  return builder;
}

/** @param made tables that Rollcall makes. @param added tables of the app that Rollcall adds to */
function printDrizzle(made: readonly DeclaredTable[], added: readonly DeclaredTable[]): string {
  const columns = [...made.flatMap((table) => table.columns), ...added.flatMap(listAdded)];
  const names = [
    "index",
    ...(made.length > 0 ? ["pgTable"] : []),
    ...(made.some(({ uniqueTogether }) => uniqueTogether.length > 0) ? ["uniqueIndex"] : []),
    ...new Set(columns.map((column) => builderOf(column).name)),
  ].toSorted();
  const imported = added.some(describeIndexed) ? ["type ExtraConfigColumn", ...names] : names;
  return [
    `import { sql } from "drizzle-orm";`,
    `import { ${imported.join(", ")} } from "drizzle-orm/pg-core";`,
    ...made.flatMap((table) => ["", ...printDrizzleTable(table)]),
    ...printDrizzleAdditions(added),
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
            `.references(() => ${toConstant(key.target.label)}.${key.target.property}, { onDelete: ${JSON.stringify(key.onDelete)} })`,
          ]
        : []),
    ];
    return `    ${column.property}: ${parts.join("")},`;
  });
  const indexes = [
    ...table.uniqueTogether.map(
      (key) =>
        `    uniqueIndex(${JSON.stringify(key.name)}).on(${key.columns.map(({ property }) => `table.${property}`).join(", ")}),`,
    ),
    ...table.indexes.map((index) => `    ${writeDrizzleIndex(index)},`),
  ];
  return [
    `export const ${toConstant(table.label)} = pgTable(`,
    `  ${JSON.stringify(table.name)},`,
    "  {",
    ...columns,
    "  },",
    ...(indexes.length === 0
      ? []
      : [`  (${indexes.some((line) => line.includes("table.")) ? "table" : ""}) => [`, ...indexes, "  ],"]),
    ");",
  ];
}

/** The constant of a table that Rollcall makes: `organizationMemberships`. */
function toConstant(label: string): string {
  return toAnswerKey(label.split(".")[1] ?? label);
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
function describeNeeds({ columns, uniqueTogether, label }: DeclaredTable): string[] {
  const ofColumns = columns.flatMap(
    ({ name, field, uniqueKey, notNull, isPrimary, default: value, rule }) => {
      if (field === undefined) return [];
      const needsDefault = rule.isFilled
        ? "NOT NULL, and the default of migrate if it could be null before"
        : `NOT NULL and a default (${value}, if it has none)`;
      const needs = [
        ...(uniqueKey === undefined || isPrimary ? [] : [`a unique key (${uniqueKey}, if it has none)`]),
        ...(notNull && !isPrimary && value !== undefined ? [needsDefault] : []),
      ];
      return needs.length === 0 ? [] : [`${label}.${name} needs ${needs.join(", ")}`];
    },
  );
  const together = uniqueTogether.map(
    (key) =>
      `${label} needs a unique key over ${key.columns.map(({ name }) => name).join(" and ")} (${key.name}, if it has none)`,
  );
  return [...ofColumns, ...together];
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

function printDrizzleAdditions(tables: readonly DeclaredTable[]): string[] {
  if (tables.length === 0) return [];
  return [
    "// If your table already has a property of such a name, rename the one below. Only the name in quotes counts.",
    ...tables.flatMap((table) => [
      "",
      ...describeNeeds(table).map((line) => `// ${line}`),
      ...printDrizzleAddition(table),
    ]),
  ];
}

function printDrizzleAddition(table: DeclaredTable): string[] {
  return listAdded(table).length + table.indexes.length === 0
    ? []
    : [
        `// Columns and indexes of ${table.label}: pgTable("…", { …, ...${table.kind}Columns }, (table) => [ …, ...${table.kind}Indexes(${describeIndexed(table) && "table"}) ])`,
        `export const ${table.kind}Columns = {`,
        ...listAdded(table).map((column) => `  ${column.property}: ${writeDrizzleColumn(column)},`),
        "};",
        `export const ${table.kind}Indexes = (${describeIndexed(table)}) => [`,
        ...table.indexes.map((index) => `  ${writeDrizzleIndex(index)},`),
        "];",
      ];
}

/** The parameter with the columns that plain indexes read. */
function describeIndexed({ indexes }: DeclaredTable): string {
  const properties = indexes.flatMap(({ property }) => (property === undefined ? [] : [property]));
  return properties.length === 0
    ? ""
    : `table: { ${properties.map((property) => `${property}: ExtraConfigColumn`).join("; ")} }`;
}

function printPrismaAdditions(tables: readonly DeclaredTable[]): string[] {
  if (tables.length === 0) return [];
  return [
    "// If your model already has a field of such a name, rename the one below, and give it @map with the column's name.",
    ...tables.flatMap((table) => [
      "",
      ...describeNeeds(table).map((line) => `// ${line}`),
      ...(listAdded(table).length > 0 ? [`// Fields of the model of ${table.label}:`] : []),
      ...listAdded(table).map((column) => `  ${writePrismaField(column)}`),
    ]),
  ];
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
  uuid: { name: "String", attribute: "@db.Uuid" },
  "timestamp with time zone": { name: "DateTime", attribute: "@db.Timestamptz(6)" },
};

const models = {
  users: { name: "User", relation: "user" },
  profile: { name: "Mentorado", relation: "mentorado" },
  organizations: { name: "Organization", relation: "organization" },
  memberships: { name: "OrganizationMembership", relation: "memberships" },
} as const;

function printPrisma(made: readonly DeclaredTable[], added: readonly DeclaredTable[]): string {
  return [
    ...describePrismaIndexes([...made, ...added]),
    ...made.flatMap((table) => ["", ...printPrismaModel(table, made)]),
    ...printPrismaAdditions(added),
    "",
  ].join("\n");
}

/** An index that a model can hold. */
const isPlain = ({ column, predicate }: DeclaredIndex) => column !== undefined && predicate === undefined;

/** Models hold none of these indexes. Prisma 7.4 dropped partial ones: https://github.com/prisma/prisma/issues/29220 */
function describePrismaIndexes(tables: readonly DeclaredTable[]): string[] {
  const indexes = tables.flatMap((table) =>
    table.indexes.filter((index) => !isPlain(index)).map((index) => ({ ...index, label: table.label })),
  );
  if (indexes.length === 0) return [];
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
  // A key of one column is unique, so the other side has at most one row. A user has several memberships.
  const backRelations = tables.flatMap((other) =>
    other.foreignKeys
      .filter(({ target }) => target.kind === table.kind)
      .map(
        () =>
          `${models[other.kind].relation} ${models[other.kind].name}${other.uniqueTogether.length > 0 ? "[]" : "?"}`,
      ),
  );
  return [
    `model ${models[table.kind].name} {`,
    ...[...fields, ...relations, ...backRelations].map((line) => `  ${line}`),
    "",
    ...table.uniqueTogether.map(
      ({ name, columns }) =>
        `  @@unique([${columns.map(({ property }) => property).join(", ")}], map: ${JSON.stringify(name)})`,
    ),
    ...table.indexes
      .filter(isPlain)
      .map(({ name, property }) => `  @@index([${property}], map: ${JSON.stringify(name)})`),
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

const prismaActions: Readonly<Record<string, string>> = {
  "set null": "SetNull",
  cascade: "Cascade",
  "no action": "NoAction",
};

function prismaDefault(value: string): string {
  return isText(value) ? JSON.stringify(readText(value)) : value;
}

function printSql(tables: readonly DeclaredTable[]): string {
  return tables
    .flatMap((table) => [
      `${writeTable(table)};`,
      ...table.uniqueTogether.map((key) => `${writeTogether(table, key)};`),
      ...table.indexes.map((index) => `${writeIndex(table, index)};`),
      "",
    ])
    .join("\n");
}

const isText = (value: string) => value.startsWith("'");
const readText = (value: string) => value.slice(1, -1).replaceAll("''", "'");
