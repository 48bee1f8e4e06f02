import {
  type DeclaredColumn,
  type DeclaredTable,
  declaredTables,
  writeIndex,
  writeTable,
} from "./declared-tables.ts";

export type SchemaFormat = "drizzle" | "prisma" | "sql";

/**
 * What an app's own schema must hold, so that its tools keep Rollcall's columns, keys and indexes. The app may have
 * further columns. It keeps its own names of keys, and its own types where `npm run migrate` accepted them.
 */
export function printSchema(format: SchemaFormat): string {
  switch (format) {
    case "drizzle":
      return printDrizzle();
    case "prisma":
      return printPrisma();
    case "sql":
      return printSql();
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

function printDrizzle(): string {
  const used = new Set(
    declaredTables.flatMap(({ columns }) => columns.map((column) => builderOf(column).name)),
  );
  return [
    `import { sql } from "drizzle-orm";`,
    `import { ${["index", "pgTable", ...used].toSorted().join(", ")} } from "drizzle-orm/pg-core";`,
    ...declaredTables.flatMap((table) => ["", ...printDrizzleTable(table)]),
    "",
  ].join("\n");
}

function printDrizzleTable(table: DeclaredTable): string[] {
  const columns = table.columns.map((column) => {
    const { name, options } = builderOf(column);
    const key = table.foreignKeys.find((one) => one.column === column.name);
    const parts = [
      `${name}(${[JSON.stringify(column.name), ...(options ? [options] : [])].join(", ")})`,
      ...(column.isPrimary ? [".primaryKey()"] : []),
      ...(column.notNull && !column.isPrimary ? [".notNull()"] : []),
      ...(column.default === undefined ? [] : [drizzleDefault(column.default)]),
      ...(column.uniqueKey === undefined ? [] : [`.unique(${JSON.stringify(column.uniqueKey)})`]),
      ...(key
        ? [
            `.references(() => ${key.target.table}.${key.target.property}, { onDelete: ${JSON.stringify(key.onDelete)} })`,
          ]
        : []),
    ];
    return `    ${column.property}: ${parts.join("")},`;
  });
  const indexes = table.indexes.map(({ name, method, property, key, predicate }) => {
    const on = property === undefined ? `sql\`${escapeTemplate(key)}\`` : `table.${property}`;
    const where = predicate === undefined ? "" : `.where(sql\`${escapeTemplate(predicate)}\`)`;
    return `    index(${JSON.stringify(name)}).using(${JSON.stringify(method)}, ${on})${where},`;
  });
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
  mentorados: { name: "Mentorado", relation: "mentorado" },
} as const;

function printPrisma(): string {
  return [
    "// Prisma sees no index over an expression or with a condition, and so it never drops one:",
    ...declaredTables.flatMap(({ indexes }) => indexes.map(({ name }) => `//   ${name}`)),
    ...declaredTables.flatMap((table) => ["", ...printPrismaModel(table)]),
    "",
  ].join("\n");
}

function printPrismaModel(table: DeclaredTable): string[] {
  const fields = table.columns.map((column) => {
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
  });
  const relations = table.foreignKeys.map(
    ({ name, property, target, onDelete }) =>
      `${models[target.table].relation} ${models[target.table].name}? @relation(fields: [${property}], references: [${target.property}], onDelete: ${prismaActions[onDelete]}, onUpdate: NoAction, map: ${JSON.stringify(name)})`,
  );
  // The key is unique, so the other side has at most one row.
  const backRelations = declaredTables.flatMap((other) =>
    other.foreignKeys
      .filter(({ target }) => target.table === table.name)
      .map(() => `${models[other.name].relation} ${models[other.name].name}?`),
  );
  return [
    `model ${models[table.name].name} {`,
    ...[...fields, ...relations, ...backRelations].map((line) => `  ${line}`),
    "",
    `  @@map(${JSON.stringify(table.name)})`,
    "}",
  ];
}

const prismaActions: Readonly<Record<string, string>> = { "set null": "SetNull", "no action": "NoAction" };

function prismaDefault(value: string): string {
  return isText(value) ? JSON.stringify(readText(value)) : value;
}

function printSql(): string {
  return declaredTables
    .flatMap((table) => [
      `${writeTable(table)};`,
      ...table.indexes.map((index) => `${writeIndex(table.name, index)};`),
      "",
    ])
    .join("\n");
}

const isText = (value: string) => value.startsWith("'");
const readText = (value: string) => value.slice(1, -1).replaceAll("''", "'");
