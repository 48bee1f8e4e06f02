import { isDeepStrictEqual } from "node:util";
import { defaultMapping, type Mapping, resolveOrganizations, toQualified } from "@rollcall/contracts";
import {
  findReference,
  type Key,
  label,
  simplify,
  type Taken,
  texts,
  times,
  toKeyType,
} from "./match-names.ts";
import type { CatalogColumn, CatalogTable } from "./read-catalog.ts";

type Organizations = NonNullable<Mapping["organizations"]>;
type Columns = NonNullable<Organizations["columns"]>;
type Memberships = NonNullable<Organizations["memberships"]>;

/** What `rollcall init` makes of tables that may hold organizations. */
export type OrganizationProposal = {
  /** Undefined: organizations stay off, for the reason in `off`. */
  mapping?: Organizations | undefined;
  off?: string;
  taken: readonly Taken[];
  undecided: readonly string[];
};

const organizationNames = [
  ...["organizations", "organization", "organisations", "organisation", "orgs", "org"],
  ...["teams", "team", "workspaces", "workspace", "companies", "company", "tenants", "tenant"],
];
/** In any table. In a table with a name of organizations, `clerk_id` is one too. */
const organizationIdNames = ["clerkorgid", "clerkorganizationid", "clerkorganisationid"];
const ownIdNames = ["clerkid", "clerkteamid", "clerkworkspaceid", "clerkcompanyid", "clerktenantid"];

/** The names that a field's column may have, simplified, and its types. */
const fields: Readonly<Record<Exclude<keyof Columns, "clerkOrgId">, Field>> = {
  name: [["name", "title", "displayname"], texts],
  slug: [["slug"], texts],
  imageUrl: [["imageurl", "logourl", "avatarurl", "image", "logo", "avatar"], texts],
  membersCount: [
    ["memberscount", "membercount"],
    ["int2", "int4", "int8"],
  ],
  clerkCreatedAt: [["clerkcreatedat"], times],
  clerkUpdatedAt: [["clerkupdatedat"], times],
  deletedAt: [["deletedat"], times],
  createdAt: [["createdat"], times],
  updatedAt: [["updatedat"], times],
};

const membershipFields: Readonly<Record<keyof Memberships["columns"], Field>> = {
  role: [["role", "memberrole", "organizationrole", "orgrole"], texts],
  deletedAt: [["deletedat"], times],
  createdAt: [["createdat"], times],
  updatedAt: [["updatedat"], times],
};

type Field = readonly [names: readonly string[], types: readonly string[]];

const effects: Readonly<Record<string, string>> = {
  "organizations.columns.name": "Rollcall writes Clerk's name over it",
  "organizations.columns.slug": "Rollcall writes Clerk's slug over it",
  "organizations.columns.imageUrl": "Rollcall writes Clerk's image over it",
  "organizations.columns.membersCount": "Rollcall writes Clerk's number over it",
  "organizations.columns.deletedAt": "Rollcall sets it when Clerk deletes the organization",
  "organizations.memberships.columns.role": "Rollcall writes Clerk's role over it",
  "organizations.memberships.columns.deletedAt":
    "Rollcall sets it when the membership ends, and keeps the row",
};

export const isNamedLikeOrganizations = ({ name }: CatalogTable) =>
  organizationNames.includes(simplify(name));

const isText = ({ type, generated }: CatalogColumn) => ["text", "varchar"].includes(type) && !generated;

/**
 * Proposes the tables of organizations and memberships. Without a table that has Clerk's organization ids, organizations
 * stay off: an app may have teams of its own. Pure.
 *
 * @param tables without those of users and profiles
 */
export function proposeOrganizations(
  tables: readonly CatalogTable[],
  users: CatalogTable,
  mapped: Mapping["users"],
): OrganizationProposal {
  const keyIsClerkId = mapped.key.column === mapped.columns.clerkId;
  const found = tables.flatMap((table) => {
    const id = findClerkOrgId(table, keyIsClerkId);
    return id ? [{ table, ...id }] : [];
  });
  const named = found.filter(({ table }) => isNamedLikeOrganizations(table));
  const candidates = named.length > 0 ? named : found;
  const [own, other] = candidates;
  if (!own) {
    const likely = tables.filter(isNamedLikeOrganizations).map(label);
    return stayOff(
      likely.length > 0
        ? `${likely.join(" and ")} has no column for Clerk's organization id, such as clerk_org_id`
        : "no table has a column for Clerk's organization id, such as clerk_org_id",
    );
  }
  if (other)
    return stayOff(`several tables may hold them: ${candidates.map(({ table }) => label(table)).join(", ")}`);
  return proposeTables(tables, own, users, mapped.key);
}

const stayOff = (off: string, undecided: readonly string[] = []): OrganizationProposal => ({
  off,
  taken: [],
  undecided,
});

type Found = { table: CatalogTable; column: CatalogColumn; why: string; doubt?: string };

/** @param usersDo the app's users have Clerk's id as their key */
function findClerkOrgId(table: CatalogTable, usersDo: boolean): Omit<Found, "table"> | undefined {
  const isNamed = isNamedLikeOrganizations(table);
  const accepted = isNamed ? [...organizationIdNames, ...ownIdNames] : organizationIdNames;
  const withName = table.columns.filter((one) => isText(one) && accepted.includes(simplify(one.name)));
  const [column] = withName;
  // Invoices of an organization name it too, each row its own.
  if (column && (isNamed || column.isUnique || column.isPrimary)) {
    const unique = column.isUnique ? "unique" : "migrate adds a unique key";
    return withName.length > 1 ? undefined : { column, why: `its name, ${column.shown}, ${unique}` };
  }
  const key = table.columns.find((one) => one.isPrimary && isText(one));
  if (!isNamed || !key) return undefined;
  if (key.looks === "organizations")
    return { column: key, why: "the key is a text, and its values look like Clerk's organization ids" };
  if (key.looks !== undefined || !usersDo) return undefined;
  return {
    column: key,
    why: "the key is a text, as that of the users",
    doubt: `${label(table)}.${key.name} has no row yet: if your app does not write Clerk's organization id into it, add a column clerk_org_id (text, unique), delete the file, and run init again.`,
  };
}

function proposeTables(
  tables: readonly CatalogTable[],
  { table, column, why, doubt }: Found,
  users: CatalogTable,
  userKey: Key,
): OrganizationProposal {
  const key = readKey(table);
  if (!key)
    return stayOff(`${label(table)} has no primary key of one column that is integer, bigint, uuid or text`);
  const place = "organizations.columns";
  const taken: Taken[] = [
    { field: "organizations.table", column: label(table), why: "it has Clerk's organization ids" },
    { field: "organizations.key", column: key.column, why: "the primary key" },
    { field: `${place}.clerkOrgId`, column: column.name, why },
  ];
  const undecided = doubt === undefined ? [] : [doubt];
  const used = [key.column, column.name];
  const columns = { clerkOrgId: column.name, ...takeFields(table, place, fields, used, taken, undecided) };
  const pairs = proposeMemberships(
    tables.filter((one) => one !== table),
    { users, userKey, organizations: table, key },
    taken,
    undecided,
  );
  if ("off" in pairs) return stayOff(pairs.off, undecided);
  return { mapping: omitDefaults({ table: label(table), key, columns, ...pairs }), taken, undecided };
}

/** The only primary key that a mapping can name. */
function readKey(table: CatalogTable): Key | undefined {
  const column = table.columns.find(({ isPrimary }) => isPrimary);
  const type = column && toKeyType(column);
  return type && { column: column.name, type };
}

function takeFields<Name extends string>(
  table: CatalogTable,
  place: string,
  accepted: Readonly<Record<Name, Field>>,
  used: readonly string[],
  taken: Taken[],
  undecided: string[],
): Partial<Record<Name, string>> {
  const columns: Partial<Record<Name, string>> = {};
  for (const [name, [names, types]] of Object.entries(accepted) as [Name, Field][]) {
    const field = `${place}.${name}`;
    const named = table.columns.filter(
      (column) => names.includes(simplify(column.name)) && !used.includes(column.name),
    );
    const fitting = named.filter(({ type, generated }) => types.includes(type) && !generated);
    const [column, other] = fitting;
    if (column && !other) {
      columns[name] = column.name;
      const effect = effects[field] ?? "Rollcall writes it";
      taken.push({ field, column: column.name, why: `its name, ${column.shown}, ${effect}` });
    } else if (other) {
      const choice = fitting.map((one) => one.name).join(" or ");
      undecided.push(`${field}: ${choice}? It is left out. Write the right one by hand.`);
    } else {
      for (const { name: own, shown, generated } of named) {
        const why = generated
          ? "a generated column"
          : `${shown}, and Rollcall writes ${contents[name] ?? types[0]}`;
        undecided.push(`${label(table)}.${own} is not taken for ${field}: it is ${why}.`);
      }
    }
  }
  return columns;
}

const contents: Readonly<Record<string, string>> = { role: "Clerk's roles as text, such as org:admin" };

type Owners = { users: CatalogTable; userKey: Key; organizations: CatalogTable; key: Key };

/** @returns no memberships where Rollcall makes their table */
function proposeMemberships(
  tables: readonly CatalogTable[],
  owners: Owners,
  taken: Taken[],
  undecided: string[],
): { memberships?: Memberships } | { off: string } {
  const links = tables.flatMap((table) => findLinks(table, owners) ?? []);
  const named = links.filter(({ table }) => isNamedLikeMemberships(table, owners));
  // Whatever has an owner in an organization refers to both. Only memberships have a role.
  const candidates = named.length === 1 ? named : (named.length > 0 ? named : links).filter(hasRole);
  const [found, other] = candidates;
  if (other || (!found && named.length > 0)) {
    const all = (other ? candidates : named).map(({ table }) => label(table)).join(" or ");
    return { off: `${all} may hold the memberships. Write organizations.memberships by hand` };
  }
  const place = "organizations.memberships";
  if (!found) {
    const why = "no table refers to both; Rollcall makes it";
    taken.push({ field: `${place}.table`, column: "organization_memberships", why });
    return {};
  }
  const { table, user, organization } = found;
  const key = readKey(table);
  const used = [user, organization, ...(key ? [key.column] : [])];
  taken.push(
    { field: `${place}.table`, column: label(table), why: "it refers to users and organizations" },
    ...(key ? [{ field: `${place}.key`, column: key.column, why: "the primary key" }] : []),
    { field: `${place}.user`, column: user, why: "it leads to the users" },
    { field: `${place}.organization`, column: organization, why: "it leads to the organizations" },
  );
  const columns = takeFields(table, `${place}.columns`, membershipFields, used, taken, undecided);
  return { memberships: { table: label(table), ...(key && { key }), user, organization, columns } };
}

type Links = { table: CatalogTable; user: string; organization: string };

function findLinks(table: CatalogTable, { users, userKey, organizations, key }: Owners): Links | undefined {
  if (/invit|request/.test(simplify(table.name))) return undefined;
  const user = findReference(table, users, userKey, ["userid", "memberid"]);
  const organization = findReference(table, organizations, key, ["organizationid", "orgid"]);
  if (!user || !organization || user === organization) return undefined;
  return { table, user: user.name, organization: organization.name };
}

const hasRole = ({ table }: Links) =>
  table.columns.some(({ name }) => membershipFields.role[0].includes(simplify(name)));

function isNamedLikeMemberships({ name }: CatalogTable, { users, organizations }: Owners): boolean {
  const own = simplify(name);
  const parts = [users, organizations].map((table) => simplify(table.name).replace(/s$/, ""));
  return /(member|membership|seat)s?$/.test(own) || parts.every((part) => own.includes(part));
}

/** The default tables need no names, and Rollcall keeps them whole. */
function omitDefaults({ memberships, ...own }: Organizations): Organizations {
  const ours = resolveOrganizations({ ...defaultMapping, organizations: {} });
  const isOurs = (one: { table?: string | undefined }, { isOurs: _, ...other }: { isOurs: boolean }) =>
    isDeepStrictEqual({ ...one, table: toQualified(one?.table ?? "").join(".") }, other);
  if (!ours) return { ...own, memberships };
  const { memberships: ourPairs, ...ourOwn } = ours;
  return {
    ...(isOurs(own, ourOwn) ? {} : own),
    ...(memberships && !isOurs(memberships, ourPairs) && { memberships }),
  };
}
