import { type DeclaredTable, declareTables } from "./app-schema/declared-tables.ts";
import { usedSequences } from "./app-schema/used-sequences.ts";
import { quoteName, quoteText } from "./quote-name.ts";
import { perTables, type Tables } from "./tables.ts";

const placeholder = /\{\{(\w+)\}\}/g;
const bodyQuotes = "$$";

/**
 * The text of a migration or of roles.sql with the mapped names in place of `{{name}}`. A line is left out if it names the profiles' table, or
 * their email, and there is none.
 */
export function renderSql(db: { readonly tables: Tables }, text: string): string {
  const values: Readonly<Record<string, string | undefined>> = valuesOf(db);
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
  const { users: u, mapping } = tables;
  const app = declareTables({ tables });
  const [users, profile] = app;
  const [claimantIndex, createdIndex] = users?.indexes.map(({ name }) => quoteName(name)) ?? [];
  const appTables = app.map(({ table }) => `to_regclass(${quoteText(table)})`).join(", ");
  const [profileIndex] = profile?.indexes.map(({ name }) => quoteName(name)) ?? [];
  const email = Object.entries(mapping.profile?.columns ?? {}).find(
    ([, source]) => "from" in source && source.from === "email",
  );
  return {
    users: u.table,
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
    personalTexts: u.clerkColumns
      .filter(({ isPersonal, type }) => isPersonal && type === "text")
      .map(({ column }) => `u.${column}::text`)
      .join(", "),
    claimantIndex,
    createdIndex,
    profile: tables.profile?.table,
    profileSchema: email && profile?.schema,
    profileIndex,
    profileEmail: email && quoteName(email[0]),
    profileText: profile && quoteText(profile.table),
    profileRegclass: profile ? `${quoteText(profile.table)}::regclass` : "null::regclass",
    appTables,
    appSchemas: [...new Set(app.map(({ schema }) => schema))].join(", "),
    keySequences: app.map(findSequence).join(", "),
    usedSequences: usedSequences(appTables),
    apiOnUsers: quoteText(`select, update (${u.tier}, ${u.updatedAt})`),
    apiOnProfile: profile && quoteText(`select, delete, update (${listResolved(tables).join(", ")})`),
  };
});

function findSequence({ table, columns }: DeclaredTable): string {
  const key = columns.find(({ isPrimary }) => isPrimary)?.name ?? "id";
  return `pg_get_serial_sequence(${quoteText(table)}, ${quoteText(key)})`;
}

/** The columns of a profile that the api writes when an operator resolves a conflict. */
function listResolved({ mapping, profile }: Tables): string[] {
  const updatedAt = mapping.profile?.updatedAt;
  return [
    ...(profile ? [profile.link] : []),
    ...(profile?.isDefault ? ["ativo"] : []),
    "linked_at",
    ...(updatedAt === undefined ? [] : [quoteName(updatedAt)]),
  ];
}

/** A name inside a text that is the first argument of format(). */
function escapeFormat(name: string): string {
  return name.replaceAll("%", "%%").replaceAll("'", "''");
}
