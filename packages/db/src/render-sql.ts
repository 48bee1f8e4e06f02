import type { DeclaredTable } from "./app-schema/declared-table.ts";
import { declareTables, findDeclared } from "./app-schema/declared-tables.ts";
import { usedSequences } from "./app-schema/used-sequences.ts";
import { quoteName, quoteText } from "./quote-name.ts";
import { perTables, type Tables } from "./tables.ts";
import { linkTable, stateTable } from "./user-rows.ts";

const placeholder = /\{\{(\w+)\}\}/g;
const bodyQuotes = "$$";

/**
 * The text of a migration or of roles.sql with the mapped names in place of `{{name}}`. A line is left out if it names what
 * the mapping lacks: profiles, their email, or state in the app's tables.
 *
 * @param without names that count as lacking
 */
export function renderSql(
  db: { readonly tables: Tables },
  text: string,
  { without = [] }: { without?: readonly string[] } = {},
): string {
  const values: Readonly<Record<string, string | undefined>> = {
    ...valuesOf(db),
    ...Object.fromEntries(without.map((name) => [name, undefined])),
  };
  const lines = text.split("\n").flatMap((line) => {
    const names = [...line.matchAll(placeholder)].map(([, name = ""]) => name);
    const unknown = names.find((name) => !(name in values));
    if (unknown !== undefined) throw new Error(`The SQL has an unknown name: ${unknown}`);
    if (names.some((name) => values[name] === undefined)) return [];
    const quoted = line.replaceAll(bodyQuotes, () => pickQuotes(Object.values(values)));
    return [quoted.replaceAll(placeholder, (_, name: string) => values[name] ?? "")];
  });
  return lines.join("\n");
}

/** Quotes for the body of a function that no name ends. */
function pickQuotes(values: readonly (string | undefined)[]): string {
  let quotes = bodyQuotes;
  for (let count = 0; values.some((value) => value?.includes(quotes)); count++) quotes = `$body${count}$`;
  return quotes;
}

const valuesOf = perTables((tables) => {
  const { users: u, mapping, organizations: o } = tables;
  const app = declareTables({ tables });
  const users = findDeclared({ tables }, "users");
  const profile = findDeclared({ tables }, "profile");
  // Tables that keep their form also keep their owner.
  const adopted = app.filter(({ keepsForm }) => !keepsForm);
  const kept = app.filter(({ keepsForm }) => keepsForm);
  const [claimantIndex, createdIndex] = users?.indexes.map(({ name }) => quoteName(name)) ?? [];
  const listOids = (of: readonly DeclaredTable[]) =>
    of.map(({ table }) => `to_regclass(${quoteText(table)})`).join(", ");
  const [profileIndex] = profile?.indexes.map(({ name }) => quoteName(name)) ?? [];
  const listSchemas = (of: readonly DeclaredTable[]) =>
    of.length > 0 ? [...new Set(of.map(({ schema }) => schema))].join(", ") : undefined;
  const written = listWritten(tables);
  const email = Object.entries(mapping.profile?.columns ?? {}).find(
    ([, source]) => "from" in source && source.from === "email",
  );
  return {
    users: u.table,
    usersWithState: u.isSeparate ? undefined : u.table,
    /** The users with all their columns. */
    userRows: u.rows,
    usersSchema: users?.schema,
    usersText: quoteText(u.table),
    usersInFormat: escapeFormat(u.table),
    id: u.id,
    idInFormat: escapeFormat(u.id),
    idOfRow: u.id === "id" ? "u.id" : `u.${u.id} as id`,
    clerkId: u.clerkId,
    clerkIdOfRow: u.clerkId === "clerk_id" ? "u.clerk_id" : `u.${u.clerkId} as clerk_id`,
    email: u.email,
    emailVerified: u.emailVerified,
    deletedAt: u.deletedAt,
    indexedDeletedAt: u.isSeparate ? undefined : u.deletedAt,
    personalTexts: u.clerkColumns
      .filter(({ isPersonal, type }) => isPersonal && type === "text")
      .map(({ column }) => `u.${column}::text`)
      .join(", "),
    claimantIndex,
    createdIndex,
    profile: tables.profile?.table,
    profileId: tables.profile?.id,
    profileLink: tables.profile?.link,
    profileSchema: email && profile?.schema,
    profileIndex,
    profileEmail: email && quoteName(email[0]),
    profileText: profile && quoteText(profile.table),
    profileRegclass: profile ? `${quoteText(profile.table)}::regclass` : "null::regclass",
    appTables: listOids(adopted) || "null",
    usedSequences: usedSequences(listOids(app)),
    appSchemas: listSchemas(app),
    adoptedSchemas: listSchemas(adopted),
    keptSchemas: listSchemas(kept),
    keptTables: kept.map(({ table }) => table).join(", ") || undefined,
    keptSequences: kept.map(findSequence).join(", ") || undefined,
    keySequences: app.map(findSequence).join(", "),
    organizations: o?.table,
    organizationsText: o && quoteText(o.table),
    organizationId: o?.clerkOrgId,
    organizationDeletedAt: o?.deletedAt,
    membershipsText: o && quoteText(o.memberships.table),
    stateText: u.isSeparate ? quoteText(stateTable) : undefined,
    linksText: u.isSeparate && profile ? quoteText(linkTable) : undefined,
    apiOnUsers: quoteText(
      ["select", ...(written.length > 0 ? [`update (${written.join(", ")})`] : [])].join(", "),
    ),
    apiOnProfile: profile && quoteText(`select, delete, update (${listResolved(tables).join(", ")})`),
  };
});

function findSequence({ table, columns }: DeclaredTable): string {
  const key = columns.find(({ isPrimary }) => isPrimary)?.name ?? "id";
  return `pg_get_serial_sequence(${quoteText(table)}, ${quoteText(key)})`;
}

/**
 * The columns of the users' table that the api writes when an operator changes a tier. Where there are profiles it also
 * locks a row, and Postgres lets only a role do so that may update a column.
 */
function listWritten({ users: u, profile }: Tables): string[] {
  const written = (["tier", "updatedAt"] as const).flatMap((one) => (u.isHeld(one) ? [] : [u[one]]));
  return written.length > 0 || !profile ? written : [u.imageUrl ?? u.name ?? u.clerkId];
}

/** The columns of a profile that the api writes when an operator resolves a conflict. */
function listResolved({ mapping, profile }: Tables): string[] {
  const updatedAt = mapping.profile?.updatedAt;
  return [
    ...(profile ? [profile.link] : []),
    ...(profile?.isDefault ? ["ativo"] : []),
    ...(profile?.isSeparate ? [] : ["linked_at"]),
    ...(updatedAt === undefined ? [] : [quoteName(updatedAt)]),
  ];
}

/** A name inside a text that is the first argument of format(). */
function escapeFormat(name: string): string {
  return name.replaceAll("%", "%%").replaceAll("'", "''");
}
