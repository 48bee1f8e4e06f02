import { z } from "zod";
import { EnvironmentError } from "./environment.ts";
import { toPrintable } from "./printable.ts";

/**
 * The mapping of Rollcall onto the app's tables: the content of the file that `ROLLCALL_CONFIG` names. Its JSON Schema for
 * editors is `ops/rollcall.config.schema.json`.
 */

/** The name under which `rollcall init` writes the file into the current folder. */
export const mappingFileName = "rollcall.config.json";

/**
 * The problem of a current folder with a mapping that no variable names. The default tables would be made beside the
 * mapped ones.
 */
export const unnamedMapping = `${mappingFileName} is here, but ROLLCALL_CONFIG is not set: set ROLLCALL_CONFIG=${mappingFileName}, or move the file`;

/** Postgres cuts longer names, and two cut names may be equal. */
const longestNameBytes = 63;

const identifier = z
  .string()
  .min(1, "must not be empty")
  // A line break would end a comment in printed SQL, and a printed name would be another one.
  .refine((name) => toPrintable(name) === name, "must hold no control character and no invisible one")
  .refine(
    (name) => Buffer.byteLength(name) <= longestNameBytes,
    `must be at most ${longestNameBytes} bytes long`,
  )
  .describe("A name as it is in Postgres. Write no quotes around it: Rollcall adds them.");

const tableName = z
  .string()
  .refine((name) => {
    const parts = name.split(".");
    return parts.length <= 2 && parts.every((part) => identifier.safeParse(part).success);
  }, `must be a table or schema.table, each name 1 to ${longestNameBytes} bytes long, without control and invisible characters`)
  .describe("table, or schema.table. Without a schema it is in public.");

/** Types that the key of the app's users may have. */
export const keyTypes = ["integer", "bigint", "uuid", "text"] as const;

const key = z.strictObject({ column: identifier, type: z.enum(keyTypes) });

const userColumns = z.strictObject({
  clerkId: identifier.describe("Holds the Clerk id. It may be the key column, of type text."),
  email: identifier.optional(),
  emailVerified: identifier.optional(),
  name: identifier.optional(),
  imageUrl: identifier.optional(),
  role: identifier.optional(),
  tier: identifier.optional(),
  banned: identifier.optional(),
  deletedAt: identifier.optional(),
  createdAt: identifier.optional(),
  updatedAt: identifier.optional(),
});

const constant = z.union([z.string(), z.number(), z.boolean(), z.null()]);

const metadataPath = /^publicMetadata(\.[A-Za-z0-9_-]+)+$/;

const source = z
  .string()
  .refine((from) => ["name", "email", "imageUrl"].includes(from) || metadataPath.test(from), {
    error: (issue) =>
      String(issue.input).startsWith("unsafeMetadata")
        ? "must not be unsafeMetadata, because users write it themselves"
        : "must be name, email, imageUrl or publicMetadata.<path>",
  });

const profileColumn = z.union(
  [
    z.strictObject({
      from: source,
      allowed: z
        .array(z.string())
        .min(1)
        .optional()
        .describe("Of public metadata. Without it, a text is taken if it is up to 64 of a-z, 0-9 and _."),
      default: constant.optional(),
    }),
    z.strictObject({ value: constant }),
  ],
  { error: 'must be { "from": …, "allowed"?: […], "default"?: … } or { "value": … }' },
);

/** Keys of answers that a profile's name would hide. */
const takenNames = ["user", "success", "created", "stale", "status", "error", "organization", "requestId"];

const profile = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,31}$/, "must be a singular noun of a-z, 0-9 and _, like mentorado")
    .refine((name) => !takenNames.includes(name), "is a key of every answer: choose another name")
    .describe("The key in answers, and the prefix of log events."),
  table: tableName,
  link: identifier.describe("The column that refers to the key of the users."),
  key,
  updatedAt: identifier.optional().describe("A time that Rollcall sets whenever it writes the row."),
  columns: z.record(identifier, profileColumn),
});

const organizationColumns = z.strictObject({
  clerkOrgId: identifier.describe("Holds the Clerk id. It may be the key column, of type text."),
  name: identifier.optional(),
  slug: identifier.optional(),
  imageUrl: identifier.optional(),
  membersCount: identifier.optional(),
  clerkCreatedAt: identifier.optional(),
  clerkUpdatedAt: identifier.optional(),
  deletedAt: identifier.optional(),
  createdAt: identifier.optional(),
  updatedAt: identifier.optional(),
});

const membershipColumns = z.strictObject({
  role: identifier.optional(),
  deletedAt: identifier
    .optional()
    .describe("Set when the membership ends. Without it, Rollcall deletes the row then."),
  createdAt: identifier.optional(),
  updatedAt: identifier.optional(),
});

const memberships = z.strictObject({
  table: tableName,
  key: key.optional().describe("Only of a table with a key of its own, besides user and organization."),
  user: identifier.describe("The column that refers to the key of the users."),
  organization: identifier.describe("The column that refers to the key of the organizations."),
  columns: membershipColumns,
});

const organizations = z
  .strictObject({
    table: tableName.optional(),
    key: key.optional(),
    columns: organizationColumns.optional(),
    memberships: memberships
      .optional()
      .describe("Without it, Rollcall makes the table public.organization_memberships."),
  })
  .describe(
    "Turns organizations on. Without table, key and columns, Rollcall makes the table public.organizations.",
  );

const mappingFile = z.strictObject({
  $schema: z.string().optional(),
  users: z.strictObject({
    table: tableName,
    key,
    state: z
      .enum(["added", "separate"])
      .default("added")
      .describe("Where Rollcall keeps its own state: in columns that it adds, or in schema rollcall."),
    columns: userColumns,
  }),
  profile: profile.nullable(),
  organizations: organizations.optional(),
});

/** The mapping of the tables, parsed. */
export type Mapping = Omit<z.output<typeof mappingFile>, "$schema">;

/** The tables of an app that names none: `public.users` and `public.mentorados`. */
export const defaultMapping: Mapping = {
  users: {
    table: "public.users",
    key: { column: "id", type: "integer" },
    state: "added",
    columns: {
      clerkId: "clerk_id",
      email: "email",
      emailVerified: "email_verified",
      name: "name",
      imageUrl: "image_url",
      role: "role",
      tier: "tier",
      banned: "banned",
      deletedAt: "deleted_at",
      createdAt: "created_at",
      updatedAt: "updated_at",
    },
  },
  profile: {
    name: "mentorado",
    table: "public.mentorados",
    link: "user_id",
    key: { column: "id", type: "integer" },
    updatedAt: "updated_at",
    columns: {
      nome_completo: { from: "name", default: "New User" },
      email: { from: "email" },
      foto_url: { from: "imageUrl" },
      turma: { from: "publicMetadata.turma", default: "neon" },
    },
  },
};

type OrganizationsMapping = NonNullable<Mapping["organizations"]>;

/** The tables of organizations and of their memberships, with every name. */
export type MappedOrganizations = {
  /** Rollcall makes the table, with every column. */
  isOurs: boolean;
  table: string;
  key: Mapping["users"]["key"];
  columns: NonNullable<OrganizationsMapping["columns"]>;
  memberships: NonNullable<OrganizationsMapping["memberships"]> & { isOurs: boolean };
};

const defaultOrganizations: Omit<MappedOrganizations, "memberships"> = {
  isOurs: true,
  table: "public.organizations",
  key: { column: "id", type: "integer" },
  columns: {
    clerkOrgId: "clerk_org_id",
    name: "name",
    slug: "slug",
    imageUrl: "image_url",
    membersCount: "members_count",
    clerkCreatedAt: "clerk_created_at",
    clerkUpdatedAt: "clerk_updated_at",
    deletedAt: "deleted_at",
    createdAt: "created_at",
    updatedAt: "updated_at",
  },
};

/** The row of a membership goes with it: a query that forgets a condition must not let a former member in. */
const defaultMemberships: MappedOrganizations["memberships"] = {
  isOurs: true,
  table: "public.organization_memberships",
  key: { column: "id", type: "integer" },
  user: "user_id",
  organization: "organization_id",
  columns: { role: "role", createdAt: "created_at", updatedAt: "updated_at" },
};

/** The tables of organizations that a mapping means; undefined while organizations are off. */
export function resolveOrganizations({ organizations: mapped }: Mapping): MappedOrganizations | undefined {
  if (!mapped) return undefined;
  const { table, key: own, columns } = mapped;
  return {
    // The parser refuses a mapping that names one of the three alone.
    ...(table && own && columns ? { isOurs: false, table, key: own, columns } : defaultOrganizations),
    memberships: mapped.memberships ? { ...mapped.memberships, isOurs: false } : defaultMemberships,
  };
}

/**
 * Parses the text of the file that ROLLCALL_CONFIG names.
 *
 * @param file its path, for the message
 * @throws EnvironmentError with every problem at once
 */
export function parseMapping(text: string, file: string): Mapping {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // The parser's own message quotes the text.
    throw refuse(file, ["is not JSON"]);
  }
  const result = mappingFile.safeParse(json);
  if (!result.success) throw refuse(file, result.error.issues.flatMap(describeIssue));
  const { $schema: _, ...mapping } = result.data;
  const problems = [...findContradictions(mapping), ...findOrganizationProblems(mapping)];
  if (problems.length > 0) throw refuse(file, problems);
  return mapping;
}

function refuse(file: string, problems: readonly string[]): EnvironmentError {
  return new EnvironmentError(problems.map((problem) => `ROLLCALL_CONFIG (${file}): ${problem}`));
}

function describeIssue(issue: z.core.$ZodIssue): string[] {
  const place = issue.path.join(".");
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((name) => `${place === "" ? name : `${place}.${name}`} is not known`);
  // A source of the wrong form is one branch of a union. Its own message says more than that of the union.
  if (issue.code === "invalid_union") {
    const inner = issue.errors.flat().filter(({ path, code }) => code === "custom" && path[0] === "from");
    const [first] = inner;
    if (first) return [`${place}.from ${first.message}`];
  }
  return [`${place || "the file"} ${toPredicate(issue.message)}`];
}

/** Zod's own messages are sentences. Ours continue the name of the field. */
function toPredicate(message: string): string {
  return /^(must|is) /.test(message) ? message : `is wrong: ${message}`;
}

/** Problems between fields that are right by themselves. */
function findContradictions({ users, profile: mapped }: Mapping): string[] {
  const { key: userKey, columns } = users;
  const problems: string[] = [];
  if (columns.clerkId === userKey.column && userKey.type !== "text")
    problems.push("users.key.type must be text, because the key column is the Clerk id");
  const used = new Map<string, string>(
    columns.clerkId === userKey.column ? [] : [[userKey.column, "users.key.column"]],
  );
  for (const [field, column] of Object.entries(columns)) {
    if (column === undefined) continue;
    const other = used.get(column);
    if (other) problems.push(`users.columns.${field} must not name the column ${column} of ${other} again`);
    else used.set(column, `users.columns.${field}`);
  }
  const added = listAddedColumns(users);
  for (const [column, field] of used)
    if (added.includes(column))
      problems.push(
        `${field} must not name the column ${column}, which Rollcall ${users.state === "added" ? "adds" : "has"} for itself`,
      );
  if (!mapped) return problems;
  if (sameTable(mapped.table, users.table))
    problems.push("profile.table must be another table than users.table");
  const own = [mapped.key.column, mapped.link, mapped.updatedAt];
  for (const column of Object.keys(mapped.columns))
    if (own.includes(column))
      problems.push(`profile.columns.${column} is the key, the link or updatedAt already`);
  if (mapped.key.column === mapped.link) problems.push("profile.link must be another column than the key");
  return [...problems, ...findColumnProblems(mapped.columns)];
}

function findColumnProblems(columns: NonNullable<Mapping["profile"]>["columns"]): string[] {
  const problems: string[] = [];
  const keys = new Map([
    ["id", "profile.key.column"],
    ["userId", "profile.link"],
    ["linkedAt", "Rollcall's column linked_at"],
  ]);
  for (const [column, mapped] of Object.entries(columns)) {
    const place = `profile.columns.${column}`;
    const key = toAnswerKey(column);
    const other = keys.get(key);
    if (other) problems.push(`${place} must not have the key ${key} in answers, which ${other} has`);
    keys.set(key, place);
    if (!("from" in mapped) || mapped.allowed === undefined) continue;
    if (!mapped.from.startsWith("publicMetadata"))
      problems.push(`${place}.allowed is for public metadata alone`);
    else if (mapped.default !== undefined && !mapped.allowed.includes(String(mapped.default)))
      problems.push(`${place}.default must be one of the allowed values`);
  }
  return problems;
}

/** Fields that no rule needs. Every other field that the mapping leaves out gets a column with its default name. */
const dispensable = ["name", "imageUrl"];

/** The columns of Rollcall's own that the mapping gives no name. With separate state, statements use the same names. */
function listAddedColumns({ columns }: Mapping["users"]): string[] {
  const unnamed = Object.entries(defaultMapping.users.columns).flatMap(([field, column]) =>
    column === undefined || dispensable.includes(field) || Object.keys(columns).includes(field)
      ? []
      : [column],
  );
  return [...unnamed, "role_source", "clerk_created_at", "clerk_updated_at", "read_ticket"];
}

/** The key of a profile's column in answers: `display_name` is `displayName`. */
export function toAnswerKey(column: string): string {
  return column.replace(/(?<=[A-Za-z0-9])_+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** A table's schema and name. */
export function toQualified(table: string): [schema: string, name: string] {
  const [first = "", second] = table.split(".");
  return second === undefined ? ["public", first] : [first, second];
}

/** Problems of the tables of organizations. Rollcall adds no column to them, so only their own names can clash. */
function findOrganizationProblems(mapping: Mapping): string[] {
  const { organizations: mapped, users, profile: ofPeople } = mapping;
  const resolved = resolveOrganizations(mapping);
  if (!mapped || !resolved) return [];
  const together = ["table", "key", "columns"] as const;
  const missing = together.filter((field) => mapped[field] === undefined);
  const problems =
    missing.length === 0 || missing.length === together.length
      ? []
      : missing.map(
          (field) => `organizations.${field} is missing: name table, key and columns, or none of the three`,
        );
  const { memberships: pairs } = resolved;
  const tables: [field: string, table: string][] = [
    ["users.table", users.table],
    ...(ofPeople ? [["profile.table", ofPeople.table] as [string, string]] : []),
    ["organizations.table", resolved.table],
    ["organizations.memberships.table", pairs.table],
  ];
  for (const [index, [field, table]] of tables.entries()) {
    const other = tables.slice(0, index).find(([, name]) => sameTable(name, table));
    if (other && field.startsWith("organizations"))
      problems.push(`${field} (${table}) must be another table than ${other[0]}`);
  }
  const { key: own, columns } = resolved;
  const keyIsClerkId = own.column === columns.clerkOrgId;
  if (keyIsClerkId && own.type !== "text")
    problems.push("organizations.key.type must be text, because the key column is the Clerk id");
  return [
    ...problems,
    ...findRepeated([
      ...(keyIsClerkId ? [] : [["organizations.key.column", own.column] as const]),
      ...prefix("organizations.columns", columns),
    ]),
    ...findRepeated([
      ...(pairs.key ? [["organizations.memberships.key.column", pairs.key.column] as const] : []),
      ["organizations.memberships.user", pairs.user],
      ["organizations.memberships.organization", pairs.organization],
      ...prefix("organizations.memberships.columns", pairs.columns),
    ]),
  ];
}

const sameTable = (one: string, other: string) => toQualified(one).join(".") === toQualified(other).join(".");

type NamedColumn = readonly [field: string, column: string | undefined];

function prefix(place: string, columns: Readonly<Record<string, string | undefined>>): NamedColumn[] {
  return Object.entries(columns).map(([field, column]) => [`${place}.${field}`, column] as const);
}

function findRepeated(named: readonly NamedColumn[]): string[] {
  const used = new Map<string, string>();
  return named.flatMap(([field, column]) => {
    if (column === undefined) return [];
    const other = used.get(column);
    used.set(column, field);
    return other === undefined ? [] : [`${field} must not name the column ${column} of ${other} again`];
  });
}

/**
 * The fields, such as `users.table`, in which a mapping differs from one that was stored as JSON.
 *
 * @param stored may be of a version that knew other fields
 */
export function compareMappings(mapping: Mapping, stored: unknown): string[] {
  const { data = stored } = mappingFile.safeParse(stored);
  return findDifferences(mapping, data);
}

/** Whether profiles are those of an app that names no tables: `public.mentorados` with its columns. */
export function isDefaultProfile(mapped: NonNullable<Mapping["profile"]>): boolean {
  return findDifferences({ profile: mapped }, { profile: defaultMapping.profile }).length === 0;
}

function findDifferences(one: unknown, other: unknown, place = ""): string[] {
  if (typeof one === "object" && one !== null && typeof other === "object" && other !== null) {
    const names = [...new Set([...Object.keys(one), ...Object.keys(other)])];
    const read = (value: object, name: string): unknown =>
      Object.entries(value).find(([key]) => key === name)?.[1];
    return names.flatMap((name) =>
      findDifferences(read(one, name), read(other, name), place === "" ? name : `${place}.${name}`),
    );
  }
  const isTable = place.endsWith(".table") && typeof one === "string" && typeof other === "string";
  const isSame = isTable ? sameTable(one, other) : one === other;
  return isSame ? [] : [place];
}

/** The JSON Schema of the file, for editors. */
export function describeMappingFile(): Record<string, unknown> {
  return { title: mappingFileName, ...z.toJSONSchema(mappingFile, { io: "input" }) };
}
