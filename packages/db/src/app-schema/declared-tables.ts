import type { Mapping } from "@rollcall/contracts";
import { getTableColumns, is, SQL } from "drizzle-orm";
import { type PgColumn, PgDialect } from "drizzle-orm/pg-core";
import { foldedEmailSql, nearEmailSql } from "../email.ts";
import { quoteName, quoteText } from "../quote-name.ts";
import { mentorados, type User, users } from "../schema.ts";
import { perTables, type Tables } from "../tables.ts";
import {
  amount,
  anything,
  appTime,
  type ColumnRule,
  changeMark,
  clerkIdRule,
  instant,
  keyRule,
  nullable,
  oneOf,
  readSequenceRule,
  referenceRule,
  roleSourceRule,
  ruleOf,
  text,
  unfilled,
} from "./column-rules.ts";
import { declareOrganizations } from "./declared-organizations.ts";
import {
  type DeclaredColumn,
  type DeclaredIndex,
  type DeclaredTable,
  describeTable,
  nameObject,
  type TableKind,
  typeOfKey,
} from "./declared-table.ts";

/** The users' table first. */
export const declareTables = perTables((tables): readonly DeclaredTable[] => {
  const ofUsers = declareUsers(tables);
  const { profile } = tables.mapping;
  return [
    ofUsers,
    ...(profile ? [declareProfile(tables, profile, ofUsers)] : []),
    ...(tables.organizations ? declareOrganizations(tables, tables.organizations.mapped, ofUsers) : []),
  ];
});

/** The table of a kind, if the mapping has it. */
export function findDeclared(db: { readonly tables: Tables }, kind: TableKind): DeclaredTable | undefined {
  return declareTables(db).find((table) => table.kind === kind);
}

const dialect = new PgDialect();

/** The declarations hold no parameters, so the text is the whole statement. */
function writeDefault(value: unknown): string {
  if (is(value, SQL)) return dialect.sqlToQuery(value).sql;
  return typeof value === "string" ? quoteText(value) : String(value);
}

/** Type, default and nullability of a column of `schema.ts`. */
function readForm(column: PgColumn) {
  const type = column.getSQLType();
  return {
    type,
    notNull: column.notNull,
    default: type === "serial" || !column.hasDefault ? undefined : writeDefault(column.default),
    isPrimary: column.primary,
  };
}

function declareUsers(tables: Tables): DeclaredTable {
  const { users: u, mapping } = tables;
  const { key, columns: mapped } = mapping.users;
  const own = describeTable("users", mapping.users.table, tables);
  const fields: Readonly<Record<string, string | undefined>> = mapped;
  const keyIsClerkId = mapped.clerkId === key.column;
  const rules = rulesOfUsers(tables, own.isOurs);
  const columns = Object.entries(getTableColumns(users)).flatMap(([property, column]): DeclaredColumn[] => {
    const quoted = u[property as keyof User];
    // Of a key that is the Clerk id there is one column. A field that is not mapped may have none.
    if (quoted === undefined || (keyIsClerkId && property === "clerkId") || u.isHeld(property)) return [];
    const form = readForm(column as PgColumn);
    const name = property === "id" ? key.column : (fields[property] ?? column.name);
    const possibleField = property === "id" ? "users.key.column" : nameField(property);
    return [
      {
        ...form,
        // A null of the app is read as the value that the default would give.
        ...(u.isSeparate && { notNull: false, default: undefined }),
        name,
        column: quoted,
        property,
        field: property === "id" || fields[property] !== undefined ? possibleField : undefined,
        possibleField,
        type: property === "id" ? typeOfKey(key.type) : form.type,
        uniqueKey:
          property === (keyIsClerkId ? "id" : "clerkId") ? nameObject(own.name, `${name}_unique`) : undefined,
        rule: rules[property as keyof User],
      },
    ];
  });
  const email = mapped.email ?? "email";
  const deletedAt = mapped.deletedAt ?? "deleted_at";
  const emailVerified = mapped.emailVerified ?? "email_verified";
  const claimant: DeclaredIndex = {
    name: nameObject(own.name, "claimant_email"),
    method: "hash",
    column: undefined,
    columns: [email, emailVerified, deletedAt],
    key: foldedEmailSql(`${u.email}::text`),
    property: undefined,
    predicate: u.isSeparate ? undefined : `${u.deletedAt} is null and ${u.emailVerified}`,
  };
  const created: DeclaredIndex = {
    name: nameObject(own.name, "clerk_created_at"),
    method: "btree",
    column: "clerk_created_at",
    columns: ["clerk_created_at", deletedAt],
    key: "clerk_created_at",
    property: "clerkCreatedAt",
    predicate: `${u.deletedAt} is null`,
  };
  return {
    ...own,
    columns,
    uniqueTogether: [],
    indexes: u.isSeparate ? [] : [claimant, created],
    advisedIndexes: u.isSeparate && !u.isHeld("email") ? [claimant] : [],
    foreignKeys: [],
  };
}

const mappableFields: Readonly<Record<keyof Mapping["users"]["columns"], true>> = {
  clerkId: true,
  email: true,
  emailVerified: true,
  name: true,
  imageUrl: true,
  role: true,
  tier: true,
  banned: true,
  deletedAt: true,
  createdAt: true,
  updatedAt: true,
};

function nameField(property: string): string | undefined {
  return property in mappableFields ? `users.columns.${property}` : undefined;
}

function rulesOfUsers({ users: u, mapping }: Tables, isOurs: boolean): Record<keyof User, ColumnRule> {
  const { key, columns } = mapping.users;
  const ofClerk = (property: keyof User): ColumnRule => {
    const column = u.clerkColumns.find((one) => one.property.replace(/Ms$/, "") === property);
    return column ? ruleOf(column) : nullable(text(0));
  };
  return {
    id: columns.clerkId === key.column ? clerkIdRule : keyRule(key.type),
    clerkId: clerkIdRule,
    email: ofClerk("email"),
    emailVerified: ofClerk("emailVerified"),
    name: ofClerk("name"),
    imageUrl: ofClerk("imageUrl"),
    banned: ofClerk("banned"),
    clerkCreatedAt: ofClerk("clerkCreatedAt"),
    clerkUpdatedAt: ofClerk("clerkUpdatedAt"),
    role: oneOf("user", "admin"),
    roleSource: roleSourceRule,
    // An app's own tiers have a default of their own.
    tier: isOurs ? oneOf("FREE") : u.isSeparate ? unfilled(oneOf()) : oneOf(),
    readTicket: readSequenceRule,
    deletedAt: nullable(instant),
    createdAt: isOurs ? changeMark : appTime,
    updatedAt: isOurs ? changeMark : appTime,
  };
}

const mentoradoRules: Record<keyof typeof mentorados.$inferSelect, ColumnRule> = {
  id: keyRule("integer"),
  userId: referenceRule("integer"),
  nomeCompleto: text(100),
  email: nullable(text(254)),
  fotoUrl: nullable(text(255)),
  turma: nullable(text(64)),
  ativo: oneOf("sim", "nao"),
  metaFaturamento: amount,
  metaLeads: amount,
  metaProcedimentos: amount,
  metaPosts: amount,
  metaStories: amount,
  linkedAt: nullable(instant),
  createdAt: changeMark,
  updatedAt: changeMark,
};

type Profile = NonNullable<Mapping["profile"]>;

function declareProfile(tables: Tables, profile: Profile, ofUsers: DeclaredTable): DeclaredTable {
  const own = describeTable("profile", profile.table, tables);
  const { key } = tables.mapping.users;
  const columns = tables.profile?.isDefault
    ? declareMentorados(profile, own)
    : declareMapped(profile, own, key.type);
  const email = Object.entries(profile.columns).find(([, one]) => "from" in one && one.from === "email")?.[0];
  const link = columns.find(({ name }) => name === profile.link);
  const target = ofUsers.columns.find(({ name }) => name === key.column);
  const nearEmail: DeclaredIndex[] =
    email === undefined
      ? []
      : [
          {
            name: nameObject(own.name, "near_email"),
            method: "hash",
            column: undefined,
            columns: [email],
            key: nearEmailSql(`${quoteName(email)}::text`),
            property: undefined,
            predicate: undefined,
          },
        ];
  const ofLink = {
    name: nameObject(own.name, profile.link),
    method: "btree",
    column: profile.link,
    columns: [profile.link],
    key: quoteName(profile.link),
    property: undefined,
    predicate: undefined,
  };
  return {
    ...own,
    columns,
    uniqueTogether: [],
    indexes: own.keepsForm ? [] : nearEmail,
    advisedIndexes: own.keepsForm ? [ofLink, ...nearEmail] : [],
    // The app decides what becomes of its rows when it deletes a user's row. Rollcall deletes none that has a profile.
    foreignKeys:
      own.isOurs && link && target
        ? [
            {
              name: `${own.name}_${link.name}_${ofUsers.name}_${target.name}_fk`,
              column: link.name,
              property: link.property,
              target: {
                kind: "users",
                table: ofUsers.table,
                label: ofUsers.label,
                column: target.name,
                property: target.property,
              },
              onDelete: "set null",
            },
          ]
        : [],
  };
}

type KeyType = Mapping["users"]["key"]["type"];

/** The default profile. Beside users of the app it is the app's too, and gets what it lacks. */
function declareMentorados(
  profile: Profile,
  { name: table, isOurs }: Pick<DeclaredTable, "name" | "isOurs">,
): DeclaredColumn[] {
  const fields = listProfileFields(profile);
  return Object.entries(getTableColumns(mentorados)).map(([property, column]) => ({
    ...readForm(column as PgColumn),
    name: column.name,
    column: quoteName(column.name),
    property,
    field: isOurs ? "profile" : fields.get(column.name),
    possibleField: isOurs ? undefined : fields.get(column.name),
    uniqueKey: property === "userId" ? nameObject(table, `${column.name}_unique`) : undefined,
    rule: mentoradoRules[property as keyof typeof mentoradoRules],
  }));
}

/** The fields of the mapping, by the columns that they name. */
function listProfileFields({ key, link, updatedAt, columns }: Profile): ReadonlyMap<string, string> {
  return new Map([
    [key.column, "profile.key.column"],
    [link, "profile.link"],
    ...(updatedAt === undefined ? [] : [[updatedAt, "profile.updatedAt"] as const]),
    ...Object.keys(columns).map((name) => [name, `profile.columns.${name}`] as const),
  ]);
}

/**
 * A profile of the app. Rollcall adds only `linked_at`, which tells an unclaimed profile from one that lost its user. With
 * separate state it is elsewhere, and so is the key that gives a user one profile.
 */
function declareMapped(
  profile: Profile,
  { name: table, keepsForm }: Pick<DeclaredTable, "name" | "keepsForm">,
  userKey: KeyType,
): DeclaredColumn[] {
  const fields = listProfileFields(profile);
  const describe = (name: string, rule: ColumnRule): DeclaredColumn => ({
    name,
    column: quoteName(name),
    property: name,
    field: fields.get(name),
    possibleField: fields.get(name),
    type: "text",
    notNull: false,
    default: undefined,
    isPrimary: false,
    uniqueKey: undefined,
    rule,
  });
  const { key, link, updatedAt } = profile;
  return [
    {
      ...describe(key.column, keyRule(key.type)),
      type: typeOfKey(key.type),
      notNull: true,
      isPrimary: true,
    },
    {
      ...describe(link, referenceRule(userKey)),
      type: userKey,
      ...(keepsForm ? { isWatched: true } : { uniqueKey: nameObject(table, `${link}_unique`) }),
    },
    ...Object.entries(profile.columns).map(([name, source]) => describe(name, ruleOfSource(source))),
    ...(keepsForm
      ? []
      : [
          {
            ...describe(mentorados.linkedAt.name, nullable(instant)),
            ...readForm(mentorados.linkedAt),
            property: "linkedAt",
          },
        ]),
    ...(updatedAt === undefined
      ? []
      : [{ ...describe(updatedAt, appTime), type: mentorados.updatedAt.getSQLType() }]),
  ];
}

const mostCharacters: Readonly<Record<string, number>> = { name: 100, email: 254, imageUrl: 255 };

/**
 * A column that every insert fills may be required. Any other value may be missing at Clerk, and a purge erases address
 * and image.
 */
function ruleOfSource(source: Profile["columns"][string]): ColumnRule {
  if ("value" in source) return anything;
  const { from, allowed, default: value } = source;
  const rule = ruleOfValues(from, allowed, value);
  const isErased = from === "email" || from === "imageUrl";
  return value === undefined || value === null || isErased ? nullable(rule) : rule;
}

function ruleOfValues(
  from: string,
  allowed: readonly string[] | undefined,
  value: string | number | boolean | null | undefined,
): ColumnRule {
  // Postgres reads the text of a number or a boolean in the type of the column.
  const isPlain = (text: string) => /^(-?\d+(\.\d+)?|true|false)$/.test(text);
  if (typeof value === "number" || typeof value === "boolean" || allowed?.every(isPlain)) return anything;
  const values = new Set([...(allowed ?? []), ...(typeof value === "string" ? [value] : [])]);
  return allowed ? oneOf(...values) : text(mostCharacters[from] ?? 64);
}
