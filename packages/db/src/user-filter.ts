import { AppError, type UserFilter } from "@rollcall/contracts";
import type { ListColumn, ListColumns } from "./list-columns.ts";
import { perTables, type Tables } from "./tables.ts";

/** Collects the parameters of a statement. @returns the placeholder, e.g. `$3` */
export type Bind = (value: unknown) => string;

export function createBind(): { bind: Bind; values: unknown[] } {
  const values: unknown[] = [];
  return { bind: (value) => `$${values.push(value)}`, values };
}

/** The filter's own names. Every other key is a column. */
const ownKeys = new Set(["query", "state", "signedUpFrom", "signedUpTo", "withoutProfile", "drifted"]);

export type ColumnFilter = { column: ListColumn; of: "users" | "profile"; value: string };

/**
 * The columns that a filter asks for, with values that the columns can have.
 *
 * @throws AppError `request.malformed`, which names the key and never the value
 */
export function readColumnFilters(filter: UserFilter, columns: ListColumns): ColumnFilter[] {
  if (filter.withoutProfile && !columns.profile) throw refuse("withoutProfile", "the app has no profiles");
  return Object.entries(filter).flatMap(([key, value]) => {
    if (ownKeys.has(key) || value === undefined) return [];
    const ofUsers = columns.users.find((column) => column.key === key && column.filterable);
    const column =
      ofUsers ?? columns.profile?.columns.find((candidate) => candidate.key === key && candidate.filterable);
    if (!column) throw refuse(key, "is no column that can be filtered by: see GET columns");
    checkValue(column, String(value));
    return [{ column, of: ofUsers ? ("users" as const) : ("profile" as const), value: String(value) }];
  });
}

function checkValue({ key, kind, values }: ListColumn, value: string): void {
  if (kind === "boolean" && value !== "true" && value !== "false") throw refuse(key, "must be true or false");
  if (kind === "number" && !/^-?\d{1,30}(\.\d{1,30})?$/.test(value)) throw refuse(key, "must be a number");
  if (kind === "enum" && values && !values.includes(value))
    throw refuse(key, `must be one of ${values.join(", ")}`);
}

function refuse(key: string, why: string): AppError {
  return new AppError("request.malformed", "The filter names no value of a column", {
    hint: `${key.slice(0, 64)}: ${why}`,
  });
}

/** A filter with its columns found, and the dry run that `drifted` means. */
export type UserSelection = {
  filter: UserFilter;
  columns: readonly ColumnFilter[];
  /** Null without a complete dry run: then no user counts as drifted. */
  driftRunId: number | null;
};

/**
 * Whether a row `u` is selected.
 *
 * @param part with `withoutExactEmail`, users whose whole address is the search text are left out
 */
export function writeConditions(
  db: { readonly tables: Tables },
  { filter, columns, driftRunId }: UserSelection,
  bind: Bind,
  { withoutExactEmail = false } = {},
): string {
  const ofProfile = columns.filter(({ of }) => of === "profile");
  const write = conditionsOf(db);
  const conditions = [
    "true",
    ...(filter.state ? [write.states[filter.state]] : []),
    ...(filter.signedUpFrom ? [`u.clerk_created_at >= ${bind(filter.signedUpFrom)}::timestamptz`] : []),
    ...(filter.signedUpTo ? [`u.clerk_created_at < ${bind(filter.signedUpTo)}::timestamptz`] : []),
    ...columns.filter(({ of }) => of === "users").map((one) => equals("u", one, bind)),
    // Before the profiles, because it costs less.
    ...(filter.query === undefined ? [] : [write.matches(bind(filter.query), withoutExactEmail)]),
    ...(filter.drifted ? [write.isDrifted(bind(driftRunId))] : []),
    // As scalar subqueries: Postgres would turn `exists` into a join that reads the whole table for each page.
    ...(filter.withoutProfile ? [write.lacksProfile] : []),
    ...(ofProfile.length > 0
      ? [`(${write.profileOf(ofProfile.map((one) => equals("m", one, bind)).join(" and "))})`]
      : []),
  ];
  return conditions.join("\n  and ");
}

const conditionsOf = perTables(({ users: u, profile }) => {
  // Without profiles there is no column to filter by.
  const profileOf = (value: string) =>
    profile ? `select ${value} from ${profile.table} m where m.${profile.link} = u.${u.id}` : "select false";

  const contains = (text: string) => {
    const isPart = (column: string | undefined) =>
      // Postgres searches no text of a nondeterministic collation.
      column === undefined
        ? []
        : [`position(lower(${text}::text) in (lower(u.${column}::text) collate "C")) > 0`];
    const parts = [...isPart(u.email), ...isPart(u.name), `position(${text}::text in u.${u.clerkId}) > 0`];
    return `(
    ${parts.join("\n    or ")}
  )`;
  };

  /** The condition of the index of claimants, which has the verified addresses of live users. */
  const isExactEmail = (text: string) =>
    `u.${u.deletedAt} is null and u.${u.emailVerified}
    and rollcall.fold_email(u.${u.email}::text) = rollcall.fold_email(${text}::text)`;

  return {
    states: {
      live: `u.${u.deletedAt} is null and not u.${u.banned}`,
      banned: `u.${u.deletedAt} is null and u.${u.banned}`,
      deleted: `u.${u.deletedAt} is not null`,
    },
    profileOf,
    lacksProfile: `(${profileOf(`m.${profile?.id}`)}) is null`,
    isExactEmail,
    /** The folded address costs more than the search, so only rows that match are compared. */
    matches: (text: string, withoutExactEmail: boolean) =>
      withoutExactEmail
        ? `case when ${contains(text)} then (${isExactEmail(text)}) is not true else false end`
        : contains(text),
    /** A later read sequence means that the row was written since. A deletion, and a missing row, have no version to compare. */
    isDrifted: (run: string) => `exists (
    select from rollcall.run_differences d
    where d.run_id = ${run}::bigint and d.clerk_id = u.${u.clerkId} and u.${u.deletedAt} is null
      and (d.read_ticket is null or coalesce(u.read_ticket, 0) < d.read_ticket)
  )`,
  };
});

/** Whether a row `u` is the user of a whole address. */
export const writeExactEmail = (db: { readonly tables: Tables }, text: string): string =>
  conditionsOf(db).isExactEmail(text);

function equals(alias: string, { column, value }: ColumnFilter, bind: Bind): string {
  const target = `${alias}.${column.name}`;
  if (column.kind === "number") return `${target}::numeric = ${bind(value)}::numeric`;
  return `${target}::text = ${bind(value)}::text`;
}
