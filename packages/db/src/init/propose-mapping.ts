import { defaultMapping, type Mapping } from "@rollcall/contracts";
import {
  findReference,
  hasDot,
  type Key,
  label,
  simplify,
  type Taken,
  texts,
  times,
  toKeyType,
} from "./match-names.ts";
import { isNamedLikeOrganizations, proposeOrganizations } from "./propose-organizations.ts";
import type { CatalogColumn, CatalogTable } from "./read-catalog.ts";

/** What `rollcall init` makes of a database. */
export type Proposal = {
  /** Undefined where a person must decide first. */
  mapping: Mapping | undefined;
  /** The default mapping needs no file. */
  isDefault: boolean;
  /** Each field with its column and the reason. */
  taken: readonly Taken[];
  /** What it could not decide, and what a person can do. */
  undecided: readonly string[];
  /** Why organizations stay off. Undefined while they are on, and without a mapping. */
  organizationsOff?: string | undefined;
};

type UserField = keyof Mapping["users"]["columns"];

/** The names that a field's column may have, without case and separators, the usual one first. */
const names: Readonly<Record<Exclude<UserField, "clerkId">, readonly string[]>> = {
  email: ["email", "emailaddress", "primaryemail", "mail"],
  emailVerified: ["emailverified", "isemailverified"],
  name: ["name", "fullname", "displayname", "nomecompleto"],
  imageUrl: [
    "imageurl",
    "avatarurl",
    "photourl",
    "fotourl",
    "pictureurl",
    "image",
    "avatar",
    "picture",
    "photo",
  ],
  role: ["role"],
  tier: ["tier", "plan"],
  banned: ["banned", "isbanned"],
  deletedAt: ["deletedat"],
  createdAt: ["createdat"],
  updatedAt: ["updatedat"],
};

/** The column that Rollcall adds for a field that is not mapped. It can do without a name and an image. */
const { name: _name, imageUrl: _imageUrl, ...ownColumns } = defaultMapping.users.columns;

const clerkIdNames = ["clerkid", "clerkuserid"];
const userNames = [
  "users",
  "user",
  "appusers",
  "appuser",
  "members",
  "member",
  "accounts",
  "account",
  "people",
];
const profileNames = ["profiles", "profile", "userprofiles", "userprofile", "memberprofiles", "mentorados"];

/** Proposes a mapping from the catalog alone. It decides only what has one answer. Pure. */
export function proposeMapping(tables: readonly CatalogTable[]): Proposal {
  const found = findUsers(tables);
  if (!found.table) return { mapping: undefined, isDefault: false, taken: [], undecided: found.undecided };
  const users = found.table;
  if (isDefault(tables, users)) return proposeDefault(tables, users);
  const taken: Taken[] = [];
  const undecided: string[] = [];
  const key = takeKey(users, taken, undecided);
  const clerkId = takeClerkId(users, key?.column, taken, undecided);
  const columns = takeUserFields(users, [key?.column, clerkId], taken, undecided);
  const profile = key ? proposeProfile(tables, users, key, taken, undecided) : null;
  taken.unshift({ field: "users.table", column: label(users), why: found.why });
  if (!key || clerkId === undefined) return { mapping: undefined, isDefault: false, taken, undecided };
  const mapping: Mapping = {
    users: { table: label(users), key, state: "added", columns: { clerkId, ...columns } },
    profile,
  };
  return addOrganizations(tables, users, { mapping, isDefault: false, taken, undecided });
}

/** Adds the tables of organizations to a proposal, if there are some. */
function addOrganizations(
  tables: readonly CatalogTable[],
  users: CatalogTable,
  proposal: Proposal & { mapping: Mapping },
): Proposal {
  const others = tables.filter(
    (table) => table !== users && label(table) !== proposal.mapping.profile?.table && !hasDot(table),
  );
  const { mapping, off, ...lines } = proposeOrganizations(others, users, proposal.mapping.users);
  return {
    ...proposal,
    ...(mapping && { mapping: { ...proposal.mapping, organizations: mapping }, isDefault: false }),
    taken: [...proposal.taken, ...lines.taken],
    undecided: [...proposal.undecided, ...lines.undecided],
    organizationsOff: off,
  };
}

function findUsers(
  tables: readonly CatalogTable[],
): { table: CatalogTable; why: string } | { table?: undefined; undecided: string[] } {
  const withClerkId = tables.filter(
    (table) =>
      !isNamedLikeOrganizations(table) &&
      table.columns.some(({ name }) => clerkIdNames.includes(simplify(name))),
  );
  const allNamed = tables.filter(({ name }) => userNames.includes(simplify(name)));
  // Members of a team, or accounts of a login, refer to the users.
  const named = allNamed.filter((table) => !allNamed.some((other) => refersTo(table, other)));
  const both = withClerkId.filter((table) => named.includes(table));
  // A table of payments may have a Clerk id too, beside users whose key it is.
  const candidates = both.length > 0 ? both : [...withClerkId, ...named];
  const [table, other] = candidates;
  if (!table)
    return {
      undecided: [
        "No table has a column clerk_id or the name of a users' table. Without ROLLCALL_CONFIG, migrate makes public.users and public.mentorados. For a table of another name, write the file by hand.",
      ],
    };
  if (other) {
    const all = candidates.map(label).join(", ");
    return { undecided: [`Several tables may be the users' table: ${all}. Write users.table by hand.`] };
  }
  if (hasDot(table))
    return {
      undecided: [
        `${table.schema}.${table.name}: the file cannot hold a name with a dot. Rename the table or its schema, and run init again.`,
      ],
    };
  return {
    table,
    why: withClerkId.includes(table)
      ? "the table with a column for the Clerk id"
      : "a usual name, and the only one",
  };
}

function refersTo(table: CatalogTable, other: CatalogTable): boolean {
  return (
    table !== other &&
    table.columns.some(
      ({ refersTo: target }) => target?.schema === other.schema && target.table === other.name,
    )
  );
}

/** The two tables that Rollcall makes by itself, or would adopt without a file. */
function isDefault(tables: readonly CatalogTable[], users: CatalogTable): boolean {
  const has = (table: CatalogTable, name: string, type: string) =>
    table.columns.some((column) => column.name === name && column.type === type);
  const profile = tables.find(({ schema, name }) => schema === "public" && name === "mentorados");
  return (
    label(users) === "users" &&
    has(users, "id", "int4") &&
    users.columns.some(({ name }) => name === "clerk_id") &&
    profile !== undefined &&
    has(profile, "id", "int4") &&
    profile.columns.some(({ name }) => name === "nome_completo")
  );
}

function proposeDefault(tables: readonly CatalogTable[], users: CatalogTable): Proposal {
  const why = "the default table";
  return addOrganizations(tables, users, {
    mapping: defaultMapping,
    isDefault: true,
    taken: [
      { field: "users.table", column: "users", why },
      { field: "profile.table", column: "mentorados", why },
    ],
    undecided: [],
  });
}

function takeKey(table: CatalogTable, taken: Taken[], undecided: string[]): Key | undefined {
  const column = table.columns.find(({ isPrimary }) => isPrimary);
  const type = column && toKeyType(column);
  if (!column || !type) {
    undecided.push(
      column
        ? `The key ${label(table)}.${column.name} is ${column.shown}. Rollcall takes integer, bigint, uuid and text.`
        : `${label(table)} has no primary key of one column, which Rollcall needs.`,
    );
    return undefined;
  }
  taken.push({ field: "users.key", column: column.name, why: `the primary key, ${column.shown}` });
  return { column: column.name, type };
}

function takeClerkId(
  table: CatalogTable,
  key: string | undefined,
  taken: Taken[],
  undecided: string[],
): string | undefined {
  const field = "users.columns.clerkId";
  const named = table.columns.filter(({ name }) => clerkIdNames.includes(simplify(name)));
  const [column, other] = named;
  if (column && !other) {
    const unique = column.isUnique ? "unique" : "migrate adds a unique key";
    taken.push({ field, column: column.name, why: `its name, ${column.shown}, ${unique}` });
    return column.name;
  }
  const own = table.columns.find(({ name }) => name === key);
  if (!column && own && ["text", "varchar"].includes(own.type) && [undefined, "users"].includes(own.looks)) {
    const looks = own.looks ? "its values look like Clerk ids" : "no other column can hold it";
    taken.push({ field, column: own.name, why: `the key is a text, and ${looks}` });
    if (!own.looks)
      undecided.push(
        `${label(table)}.${own.name} has no row yet: if your app does not write Clerk's user id into it, add a column clerk_id (text, unique) and run init again.`,
      );
    return own.name;
  }
  undecided.push(
    column
      ? `Several columns may hold the Clerk id: ${named.map(({ name }) => name).join(", ")}. Write ${field} by hand.`
      : `No column of ${label(table)} holds the Clerk id: add one (clerk_id text), fill it, and run init again.`,
  );
  return undefined;
}

/** Why a column does not fit a field of the users; undefined if it does. */
function findMisfit(field: UserField, column: CatalogColumn): string | undefined {
  if (column.generated) return "it is a generated column, which Rollcall cannot write";
  switch (field) {
    case "emailVerified":
    case "banned":
      return column.type === "bool" ? undefined : `it is ${column.shown}, and Rollcall needs boolean`;
    case "deletedAt":
    case "createdAt":
    case "updatedAt":
      return times.includes(column.type)
        ? undefined
        : `it is ${column.shown}, and Rollcall needs a timestamp`;
    case "tier":
      return [...texts, "enum"].includes(column.type)
        ? undefined
        : `it is ${column.shown}, and Rollcall needs text`;
    case "role": {
      if (texts.includes(column.type)) return undefined;
      return column.type === "enum" && listLackingRoles(column).length === 0
        ? undefined
        : `it is ${column.shown}, and Rollcall writes user and admin`;
    }
    default:
      return texts.includes(column.type) ? undefined : `it is ${column.shown}, and Rollcall needs text`;
  }
}

const effects: Readonly<Partial<Record<UserField, string>>> = {
  email: "Rollcall writes Clerk's primary address over it",
  emailVerified: "Rollcall writes Clerk's value over it",
  name: "Rollcall writes Clerk's name over it",
  imageUrl: "Rollcall writes Clerk's image over it",
  role: "Rollcall writes admin and user from Clerk, and user for new rows; another role of the app stays",
  tier: "Rollcall reads it; only an operator changes it",
  banned: "Rollcall writes Clerk's bans over it, so a ban that Clerk does not have ends",
  deletedAt: "Rollcall sets it when Clerk deletes the user",
};

function takeUserFields(
  table: CatalogTable,
  used: readonly (string | undefined)[],
  taken: Taken[],
  undecided: string[],
): Partial<Mapping["users"]["columns"]> {
  const columns: Partial<Record<UserField, string>> = {};
  for (const [field, accepted] of Object.entries(names) as [
    Exclude<UserField, "clerkId">,
    readonly string[],
  ][]) {
    const named = accepted.flatMap((name) =>
      table.columns.filter((column) => simplify(column.name) === name && !used.includes(column.name)),
    );
    const fitting = named.filter((column) => findMisfit(field, column) === undefined);
    const [column, other] = fitting;
    if (column && !other) {
      columns[field] = column.name;
      const why = ["its name", column.shown, ...(effects[field] ? [effects[field]] : [])].join(", ");
      taken.push({ field: `users.columns.${field}`, column: column.name, why });
    } else undecided.push(...describeLeft(table, field, named, fitting));
  }
  return columns;
}

/** Names what a person must decide: a choice, or a column in the place of one that Rollcall adds. */
function describeLeft(
  table: CatalogTable,
  field: Exclude<UserField, "clerkId">,
  named: readonly CatalogColumn[],
  fitting: readonly CatalogColumn[],
): string[] {
  if (fitting.length > 1)
    return [
      `users.columns.${field}: ${fitting.map(({ name }) => name).join(" or ")}? It is left out. Write the right one by hand.`,
    ];
  return named.map((column) => {
    const where = `${label(table)}.${column.name}`;
    const why = findMisfit(field, column);
    return isInTheWay(field, column)
      ? `${where} is in the way: ${why}, under the same name. ${adviseRole(field, column) ?? "Change its type"}, or rename it.`
      : `${where} is not taken for users.columns.${field}: ${why}.`;
  });
}

const listLackingRoles = ({ labels }: CatalogColumn) =>
  ["user", "admin"].filter((role) => !labels.includes(role));

/** An enum of USER and ADMIN, the most common one, means the same. */
function adviseRole(field: UserField, column: CatalogColumn): string | undefined {
  const renames = listLackingRoles(column).map((role) => ({
    role,
    label: column.labels.find((label) => label.toLowerCase() === role),
  }));
  const isSame = renames.length > 0 && renames.every(({ label }) => label !== undefined);
  if (field !== "role" || !isSame) return undefined;
  const statements = renames.map(
    ({ role, label }) => `alter type ${column.shown} rename value '${label}' to '${role}'`,
  );
  return `If it means the same, rename its values (${statements.join("; ")})`;
}

function isInTheWay(field: UserField, { name }: CatalogColumn): boolean {
  return Object.entries(ownColumns).some(([one, own]) => one === field && own === name);
}

type Link = { table: CatalogTable; link: CatalogColumn };

function proposeProfile(
  tables: readonly CatalogTable[],
  users: CatalogTable,
  key: Key,
  taken: Taken[],
  undecided: string[],
): Mapping["profile"] {
  const links = tables.flatMap((table): Link[] => {
    const link = table === users || hasDot(table) ? undefined : findReference(table, users, key, ["userid"]);
    return link ? [{ table, link }] : [];
  });
  const candidates = links.filter(({ table }) => profileNames.includes(simplify(table.name)));
  const [found, other] = candidates;
  if (!found || other) {
    const possible = (found ? candidates : links.filter(({ link }) => link.isUnique)).map((one) =>
      label(one.table),
    );
    if (possible.length > 0)
      undecided.push(
        `profile: ${possible.join(" or ")}? It is null, so Rollcall makes no profiles. Write profile by hand if one is the profile of each user.`,
      );
    return null;
  }
  const { table, link } = found;
  const own = table.columns.find(({ isPrimary }) => isPrimary);
  const type = own && toKeyType(own);
  if (!own || !type || own === link) {
    undecided.push(`profile: ${label(table)} has no key of its own beside ${link.name}, so it is left out.`);
    return null;
  }
  taken.push(
    { field: "profile.table", column: label(table), why: `its name, and ${link.name} leads to the users` },
    { field: "profile.key", column: own.name, why: `the primary key, ${own.shown}` },
    { field: "profile.link", column: link.name, why: link.isUnique ? "unique" : "migrate adds a unique key" },
  );
  const updatedAt = table.columns.find(
    (column) => names.updatedAt.includes(simplify(column.name)) && times.includes(column.type),
  );
  if (updatedAt)
    taken.push({ field: "profile.updatedAt", column: updatedAt.name, why: `its name, ${updatedAt.shown}` });
  return {
    name: toNoun(table.name),
    table: label(table),
    link: link.name,
    key: { column: own.name, type },
    ...(updatedAt && { updatedAt: updatedAt.name }),
    columns: takeProfileColumns(table, [own.name, link.name], taken, undecided),
  };
}

function takeProfileColumns(
  table: CatalogTable,
  used: readonly string[],
  taken: Taken[],
  undecided: string[],
): NonNullable<Mapping["profile"]>["columns"] {
  const columns: NonNullable<Mapping["profile"]>["columns"] = {};
  const own = ["linked_at", "created_at", "updated_at"];
  for (const column of table.columns) {
    if (used.includes(column.name) || own.includes(column.name) || column.generated) continue;
    const field = `profile.columns.${column.name}`;
    const source = texts.includes(column.type) ? findSource(column) : undefined;
    if (source) {
      columns[column.name] = source === "name" ? { from: source, default: "New User" } : { from: source };
      taken.push({ field, column: column.name, why: `its name: from Clerk's ${source}` });
    } else if (column.notNull && !column.hasDefault && !times.includes(column.type)) {
      undecided.push(
        `${label(table)}.${column.name} is required and has no default: write ${field} by hand, as { "from": "name", "default": "…" }, { "from": "publicMetadata.…", "allowed": […], "default": … } or { "value": … }.`,
      );
    }
  }
  return columns;
}

function findSource({ name }: CatalogColumn): "name" | "email" | "imageUrl" | undefined {
  return (["name", "email", "imageUrl"] as const).find((field) => names[field].includes(simplify(name)));
}

/** The key in answers. */
function toNoun(table: string): string {
  const noun = table
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1_$2")
    .toLowerCase()
    .replaceAll(/[^a-z0-9_]/g, "")
    .replace(/s$/, "");
  return /^[a-z][a-z0-9_]{0,31}$/.test(noun) ? noun : "profile";
}
