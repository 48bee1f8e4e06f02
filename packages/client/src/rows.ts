import type { Mentorado, Organization, User } from "./wire.ts";

/** The required fields of the app's own user row. They are needed to refuse banned and deleted users. */
export type UserRow = { clerkId: string; banned: boolean; deletedAt: unknown };

/** The active organization and the caller's role in it: Rollcall's answer, or the app's own row. */
export type OrganizationRow = { clerkOrgId: string; role: string | null } & Partial<Organization>;

/** Null for the personal account. Undefined in an app without organizations, and in rows that do not name it. */
type ActiveRow = { organization?: OrganizationRow | null | undefined };

/** A user with a profile, in the app's own types. */
export type Profile<
  U extends UserRow = User,
  M extends object = Mentorado,
  N extends string = "mentorado",
> = { [Field in "user" | N]: Field extends "user" ? U : M } & ActiveRow;

/** User and profile of an object that may have further fields. */
export function pickProfile<U extends UserRow, M extends object, N extends string>(
  rows: Profile<U, M, N>,
  name: N | null,
): Profile<U, M, N> {
  const named = name === null ? {} : { [name]: rows[name] };
  const { organization } = rows;
  const active = organization !== undefined && { organization };
  // TypeScript does not see that the computed key is N.
  return { user: rows.user, ...named, ...active } as Profile<U, M, N>;
}

/** The rows that an app's `find` returns. Types are inferred from the default name alone; another name needs them all. */
export type Rows<U extends UserRow, M extends object, N extends string> = ActiveRow &
  ([N] extends [never]
    ? { user: NoInfer<U> }
    : N extends "mentorado"
      ? { user: U; mentorado: M | null }
      : { user: NoInfer<U> } & { [Name in NoInfer<N>]: NoInfer<M> | null });

/** What rows say about a caller. `unreadable`: the rows prove nothing, and `problem` names the field, never its value. */
export type RowsVerdict =
  | { kind: "complete" | "no_profile" | "not_a_member" | "banned" | "deleted" }
  | { kind: "unreadable"; problem: string };

/**
 * Decides whether rows give access to the user `userId`. The types of an app's rows are a promise and no proof: a column
 * that was not selected is undefined, and a left join gives a profile of nulls. So each field must have a right value, and
 * every other value is unreadable.
 *
 * @param name the profile's name; null for an app without profiles, whose users are complete without one
 */
export function decideRows(rows: unknown, userId: string, name: string | null = "mentorado"): RowsVerdict {
  if (!isRecord(rows)) {
    const form = name === null ? "{ user }" : `{ user, ${name} }`;
    return unreadable(`the result is ${describe(rows)}; it must be ${form}`);
  }
  const { user } = rows;
  if (!isRecord(user)) return unreadable(`user is ${describe(user)}; it must be a row`);
  if (user["clerkId"] !== userId)
    return unreadable(
      typeof user["clerkId"] === "string"
        ? "user.clerkId is the id of another user"
        : `user.clerkId is ${describe(user["clerkId"])}`,
    );
  if ("id" in user && !isKey(user["id"])) return unreadable(`user.id is ${describe(user["id"])}`);
  const { banned, deletedAt } = user;
  if (typeof banned !== "boolean")
    return unreadable(`user.banned is ${describe(banned)}; it must be true or false`);
  if (deletedAt !== null && !isTime(deletedAt))
    return unreadable(`user.deletedAt is ${describe(deletedAt)}; it must be null or a time`);
  const profile: RowsVerdict = name === null ? { kind: "complete" } : decideProfile(name, rows[name], user);
  if (profile.kind === "unreadable") return profile;
  if (deletedAt !== null) return { kind: "deleted" };
  return banned ? { kind: "banned" } : profile;
}

/**
 * Decides whether rows give access to the active organization, as `decideRows` does for the user. Rows that name no organization
 * are complete: the app has none.
 *
 * @param organizationId of the session; null for the personal account, undefined if it is not known
 */
export function decideOrganization(
  { organization: row }: { organization?: unknown },
  organizationId: string | null | undefined,
): RowsVerdict {
  if (row === undefined || organizationId === undefined) return { kind: "complete" };
  if (row === null) return { kind: organizationId === null ? "complete" : "not_a_member" };
  if (!isRecord(row)) return unreadable(`organization is ${describe(row)}; it must be a row or null`);
  const { clerkOrgId, role } = row;
  if (clerkOrgId !== organizationId)
    return unreadable(
      typeof clerkOrgId === "string"
        ? "organization.clerkOrgId is not the active organization of the session"
        : `organization.clerkOrgId is ${describe(clerkOrgId)}`,
    );
  if (role === null || typeof role === "string") return { kind: "complete" };
  return unreadable(`organization.role is ${describe(role)}; it must be a text or null`);
}

function decideProfile(name: string, profile: unknown, user: Record<string, unknown>): RowsVerdict {
  if (profile === null) return { kind: "no_profile" };
  if (!isRecord(profile)) return unreadable(`${name} is ${describe(profile)}; it must be a row or null`);
  if (Object.values(profile).every((value) => value === null || value === undefined))
    return unreadable(`${name} has no value; without a profile it must be null`);
  if ("id" in profile && !isKey(profile["id"])) return unreadable(`${name}.id is ${describe(profile["id"])}`);
  if (!("userId" in profile)) return { kind: "complete" };
  // In an app whose users' key is the Clerk id, the profile links to that id.
  const { userId } = profile;
  if (isKey(userId) && (userId === user["id"] || userId === user["clerkId"])) return { kind: "complete" };
  if (!isKey(userId)) return unreadable(`${name}.userId is ${describe(userId)}`);
  return unreadable(
    "id" in user
      ? `${name}.userId is not user.id: the profile belongs to another user`
      : `${name} has userId, and user has no id to compare it with`,
  );
}

function unreadable(problem: string): RowsVerdict {
  return { kind: "unreadable", problem };
}

/** A row: no array, and no query or promise that the app forgot to await. */
function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !("then" in value);
}

/** Keys are integers, or texts such as a uuid. */
function isKey(value: unknown): boolean {
  if (typeof value === "string") return value !== "";
  return typeof value === "bigint" || (typeof value === "number" && Number.isSafeInteger(value));
}

/** Drivers return a time as a Date, a text or a number of milliseconds. */
function isTime(value: unknown): boolean {
  if (value instanceof Date) return !Number.isNaN(value.getTime());
  if (typeof value === "string") return !Number.isNaN(Date.parse(value));
  return typeof value === "number" && Number.isFinite(value) && value > 0;
}

/** Names the kind of a value. Values may be personal data, and the text goes into a log. */
function describe(value: unknown): string {
  if (value === undefined) return "undefined (is the column selected?)";
  if (value === null || typeof value === "boolean") return String(value);
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object") return "then" in value ? "a promise (is an await missing?)" : "an object";
  return `a ${typeof value}`;
}
