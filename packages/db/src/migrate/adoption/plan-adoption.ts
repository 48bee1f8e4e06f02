import { writeIndex } from "../../app-schema/declared-table.ts";
import { findDeclared } from "../../app-schema/declared-tables.ts";
import { examineTables, findTableProblems } from "../../app-schema/find-schema-problems.ts";
import type { Queryable } from "../../queryable.ts";

/**
 * The statements that add to the tables of a mapping what they lack: Rollcall's own columns, the unique key on the Clerk
 * id, and defaults without which an insert fails. They come from the live tables, so they are exact. The migration of the
 * default tables is a file of its own, because it also makes them. With separate state, the app's tables lack nothing.
 */
export async function planAdoption(db: Queryable): Promise<string[]> {
  if (db.tables.users.isSeparate) return [];
  const problems = await findTableProblems(db, ["users", "profile"]);
  const profile = findDeclared(db, "profile");
  const { profile: names } = db.tables;
  return [
    // ALTER TABLE fails while a deferred check is pending.
    "set constraints all immediate",
    ...problems.flatMap(({ restore }) => restore?.statements ?? []),
    // A profile that the app linked needs the mark too. Without it, the profile would be unclaimed after losing its user.
    ...(profile && names
      ? [
          `update ${names.table} set linked_at = ${names.isDefault ? "created_at" : "now()"} where ${names.link} is not null and linked_at is null`,
        ]
      : []),
  ];
}

/** The statements that make the tables of organizations, or add to tables of the app the unique keys that they lack. */
export async function planOrganizations(db: Queryable): Promise<string[]> {
  const { problems, indexes } = await examineTables(db, ["organizations", "memberships"]);
  const made = ["organizations", "memberships"] as const;
  const indexesOfMade = made.flatMap((kind) => {
    const table = findDeclared(db, kind);
    return table && problems.some(({ object }) => object === table.label)
      ? table.indexes.map((index) => writeIndex(table, index))
      : [];
  });
  return [...[...problems, ...indexes].flatMap(({ restore }) => restore?.statements ?? []), ...indexesOfMade];
}
