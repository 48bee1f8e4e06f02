import type { Mapping } from "@rollcall/contracts";

/**
 * An app that had tables, rows and foreign keys before Rollcall came. All statements are the app's own SQL. `$1` and so on
 * are texts, and the columns of `rows` have the same names in every app.
 */
export type MappedApp = {
  /** Undefined for the default tables, which no file names. */
  mapping: Mapping | undefined;
  /** Makes the app's tables. */
  tables: string;
  /** SQL of the app about Rollcall's roles. With it, Rollcall has these roles instead of the owner's rights. */
  policies?: string;
  /** The columns that Rollcall adds to the app's tables. */
  added: Readonly<Record<string, readonly string[]>>;
  users: AppUsers;
  /** Null for an app without profiles. */
  profile: AppProfile | null;
  /** What the app's developers run, and a line of the answer. */
  schema: { format: "--drizzle" | "--prisma" | "--sql"; line: string };
};

export type AppUsers = {
  /** All users, as `UserRow`. */
  rows: string;
  /** Makes the row of the Clerk id `$1` with the email `$2`, as the app did by itself. */
  insert: string;
  /** Makes a row of the app's that refers to the user `$1`. */
  refer: string;
  /** The tier of such a row, and of a row that Rollcall makes. Each app also knows the tier PRO. */
  tiers: { old: string; fresh: string };
  /** A key as answers have it. */
  key(id: string): number | string;
};

export type UserRow = {
  clerkId: string;
  id: string;
  email: string | null;
  emailVerified: boolean;
  tier: string;
  role: string;
  banned: boolean;
  isDeleted: boolean;
};

export type AppProfile = {
  /** The key in answers, and the prefix of log events and notifications. */
  name: string;
  /** All profiles, as `ProfileRow`. */
  rows: string;
  /** Makes a profile of the Clerk id `$1`, or of no user, with the name `$2` and the email `$3`, and returns its `id`. */
  insert: string;
  /** Makes a row of the app's that refers to the profile `$1`. */
  refer: string;
  /** Deletes the profile `$1`. */
  remove: string;
  /** A key as answers have it. */
  key(id: string): number | string;
  /** The same key as an operator may type it. */
  typed(id: string): number | string;
  /** Values that are no key. */
  malformed: readonly unknown[];
  /** The key of the name in answers. */
  nameKey: string;
  /** Metadata of a user called Ada Lovelace, and what answers then show beside the keys and the time of linking. */
  example: { metadata: Record<string, unknown>; columns: Record<string, unknown> };
};

export type ProfileRow = {
  /** Null without a user. */
  clerkId: string | null;
  id: string;
  name: string;
  email: string | null;
};
