import { selectAs } from "./quote-name.ts";

/** The names of the users' columns by the properties of a row, quoted. A field that is not mapped may have none. */
type Names = Readonly<Record<string, string | undefined>>;

/** The table of schema `rollcall` with the users' state, for an app whose tables get no column. Its key is the Clerk id. */
export const stateTable = "rollcall.user_states";

/** The app's whole row, in which lists find its further columns. */
export const wholeRow = "rollcall_row";

/** The alias alone could be a column of the app. */
const readWhole = (table: string) => `(of_app.*)::${table} as ${wholeRow}`;

/** What a row counts as where it has no value: the app's own column may be null, and a new row has no state yet. */
const otherwise: Names = {
  emailVerified: "false",
  role: "'user'",
  tier: "'FREE'",
  banned: "false",
  createdAt: "'epoch'",
  updatedAt: "'epoch'",
};

/** Columns of the app that may be enums, which have no such value as `FREE`. */
const asText = new Set(["role", "tier"]);

/**
 * The rows of the app joined with their state, as a subquery in place of the table. Postgres plans it as the join alone.
 * A row without a Clerk id is no user of Clerk's.
 *
 * @param holds whether the state has the column of a property
 */
export function joinStates(table: string, names: Names, holds: (property: string) => boolean): string {
  const selected = new Map<string, string>();
  for (const [property, name] of Object.entries(names)) {
    // A key that is the Clerk id is one column.
    if (name === undefined || selected.has(name)) continue;
    const from = holds(property) ? "s" : "of_app";
    const value = otherwise[property];
    selected.set(
      name,
      value === undefined
        ? selectAs(from, name, name)
        : `coalesce(${from}.${name}${asText.has(property) ? "::text" : ""}, ${value}) as ${name}`,
    );
  }
  return `(
    select ${[...selected.values()].join(", ")}, ${readWhole(table)}
    from ${table} of_app left join ${stateTable} s on s.clerk_id = of_app.${names["clerkId"]}
    where of_app.${names["clerkId"]} is not null
  )`;
}

/**
 * The profiles of an app whose tables get no column: which user Rollcall gave each one, and when. A profile that lost its
 * user keeps the time, so it is never unclaimed again. Keys are held as text.
 */
export const linkTable = "rollcall.profile_links";

/** The profiles of the app joined with the time of their link, as a subquery in place of the table. */
export function joinLinks(table: string, id: string, columns: readonly string[]): string {
  return `(
    select ${[...new Set([id, ...columns])].map((column) => `of_app.${column}`).join(", ")}, k.linked_at, ${readWhole(table)}
    from ${table} of_app left join ${linkTable} k on k.profile_key = of_app.${id}::text
  )`;
}
