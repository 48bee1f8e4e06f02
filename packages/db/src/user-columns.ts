import type { ColumnValue, UserDifference } from "@rollcall/contracts";
import type { User } from "./schema.ts";

/** A user as Clerk described it at one moment, reduced to the columns of `public.users`. */
export type UserSnapshot = {
  clerkId: string;
  email: string | null;
  emailVerified: boolean;
  name: string | null;
  imageUrl: string | null;
  isAdmin: boolean;
  banned: boolean;
  /** Milliseconds since the epoch, as Clerk counts. */
  clerkCreatedAtMs: number | null;
  /** Null, an unreadable time, counts as the oldest. */
  clerkUpdatedAtMs: number | null;
  /** The read sequence of the Clerk request. */
  readTicket: number;
  /** The origin of the sync job, for the timeline. */
  cause: string;
  ref: string | null;
  /** Columns whose fields at Clerk could not be read. An existing row keeps its values there. */
  unread?: readonly UnreadColumn[];
  /** Public metadata has a role that looks like `admin` and is not the exact word. */
  ignoresRole?: boolean;
};

/** `role` stands for `is_admin`. */
export type UnreadColumn =
  | "email"
  | "email_verified"
  | "name"
  | "image_url"
  | "banned"
  | "clerk_created_at"
  | "role";

type ClerkColumn = {
  name: string;
  property: Exclude<keyof UserSnapshot, "unread" | "ignoresRole">;
  /** `time` is a timestamp with time zone, sent as milliseconds since the epoch. */
  type: "text" | "boolean" | "time";
  /** A change of a visible column moves `updated_at` and adds an event to the timeline. */
  isVisible: boolean;
  /** A deletion erases personal columns: text becomes null, a boolean false. */
  isPersonal: boolean;
  /** The shortest `varchar(n)` that an adopted column may be. Clerk sends values of this length. */
  minLength?: number;
};

const personal = { isVisible: true, isPersonal: true };
const mark = { type: "time", isVisible: false, isPersonal: false } as const;

/**
 * The columns of `public.users` that hold Clerk's values as they are. The upsert, the drift query, the digest, the
 * deletion and the adoption rules use this list. Role and read sequence have rules of their own.
 */
export const clerkColumns: readonly ClerkColumn[] = [
  { name: "email", property: "email", type: "text", minLength: 254, ...personal },
  { name: "email_verified", property: "emailVerified", type: "boolean", ...personal },
  { name: "name", property: "name", type: "text", minLength: 100, ...personal },
  { name: "image_url", property: "imageUrl", type: "text", minLength: 255, ...personal },
  { name: "banned", property: "banned", type: "boolean", isVisible: true, isPersonal: false },
  { name: "clerk_created_at", property: "clerkCreatedAtMs", ...mark },
  { name: "clerk_updated_at", property: "clerkUpdatedAtMs", ...mark },
];

const parameters = [
  { name: "clerk_id", property: "clerkId", type: "text" },
  ...clerkColumns,
  { name: "is_admin", property: "isAdmin", type: "boolean" },
  { name: "read_ticket", property: "readTicket", type: "bigint" },
] as const;

/** Whether rows must be asked for the values that Clerk did not give. */
export const isPartlyRead = ({ unread }: UserSnapshot): boolean => unread !== undefined && unread.length > 0;

/** One array for each parameter of `snapshotRows`: a statement takes any number of users. */
export function listParameters(snapshots: readonly UserSnapshot[]): unknown[][] {
  return parameters.map(({ property }) => snapshots.map((snapshot) => snapshot[property]));
}

/**
 * `snapshotRows` with one more parameter, `listUnread`, in which unread columns have the values of the rows. It is a form
 * of its own, because it looks up each row and is rarely needed.
 */
export const partlyReadRows = (first: number) => `(
    select s.clerk_id, ${clerkColumns.map(({ name }) => `${keepUnread(name, `s.${name}`, `u.${name}`)} as ${name}`).join(", ")},
      ${keepUnread("role", "s.is_admin", "u.role::text = 'admin'")} as is_admin, s.read_ticket
    from ${snapshotRows(first)}
    join unnest($${first}::text[], $${first + parameters.length}::text[]) as p (clerk_id, unread) using (clerk_id)
    left join public.users u on u.clerk_id = s.clerk_id
  ) s`;

const keepUnread = (column: string, value: string, kept: string) =>
  `case when u.id is not null and '${column}' = any (string_to_array(p.unread, ',')) then ${kept} else ${value} end`;

/** The parameter of `partlyReadRows` behind those of `listParameters`. */
export function listUnread(snapshots: readonly UserSnapshot[]): string[] {
  return snapshots.map(({ unread = [] }) => unread.join(","));
}

/**
 * Snapshots as rows `s`, from the parameters of `listParameters`, the first of which has the number `first` and holds
 * the Clerk ids. Times arrive as milliseconds, because JavaScript is slow at formatting dates. The product is exact,
 * because whole microseconds stay below 2^53.
 */
export const snapshotRows = (first: number) => `(
    select ${parameters.map(({ name, type }) => (type === "time" ? `${fromMs(name)} as ${name}` : name)).join(", ")}
    from unnest(
      ${parameters.map(({ type }, index) => `$${first + index}::${type === "time" ? "bigint" : type}[]`).join(", ")}
    ) as given (${parameters.map(({ name }) => name).join(", ")})
  ) s`;

const fromMs = (column: string) => `timestamptz 'epoch' + ${column} * interval '1 millisecond'`;

/** The column names, each with `prefix` before it. */
export const listNames = (prefix = "") => clerkColumns.map(({ name }) => prefix + name).join(", ");

/** Assignments of an upsert. */
export const updatedColumns = clerkColumns.map(({ name }) => `${name} = excluded.${name}`).join(", ");

/** Assignments that erase a person. */
export const erasedColumns = clerkColumns
  .filter(({ isPersonal }) => isPersonal)
  .map(({ name, type }) => `${name} = ${type === "boolean" ? "false" : "null"}`)
  .join(", ");

/** Whether two rows differ in a visible column. The casts serve columns that the app made as citext, say. */
export const differVisibly = (one: string, other: string) =>
  differ(
    one,
    other,
    clerkColumns.filter(({ isVisible }) => isVisible),
  );

/** Whether two rows differ in any column of the list. */
export const differAtAll = (one: string, other: string) => differ(one, other, clerkColumns);

function differ(one: string, other: string, columns: readonly ClerkColumn[]): string {
  const list = (row: string) =>
    columns.map(({ name, type }) => `${row}.${name}${type === "text" ? "::text" : ""}`).join(", ");
  return `(${list(one)}) is distinct from (${list(other)})`;
}

const personalTexts = clerkColumns.filter(({ isPersonal, type }) => isPersonal && type === "text");

/** The properties of a row that hold personal data. */
// The cast states that a text column has one property name in snapshots and in rows.
export const personalProperties = personalTexts.map(
  ({ property }) => property as keyof User & keyof UserSnapshot,
);

/**
 * Whether a row `u` holds personal data, or a profile. A row with `deleted_at` may: the column may be the app's own,
 * and an app may set it by itself.
 */
export const holdsPersonalData = `(
  ${personalTexts.map(({ name }) => `u.${name} is not null`).join(" or ")}
  or exists (select from public.mentorados m where m.user_id = u.id)
)`;

/**
 * Whether Clerk decides the role of a row `u`. Rollcall writes only two pairs: ('admin', 'clerk') and ('user', null).
 * Any other pair is a decision of the app and stays.
 */
export const roleFollowsClerk = `(u.role::text, coalesce(u.role_source::text, '')) in (('admin', 'clerk'), ('user', ''))`;

/**
 * The columns in which a row differs from Clerk's user, as the write would change them. A column that could not be read
 * at Clerk does not differ.
 */
export function compareWithClerk(row: User, snapshot: UserSnapshot): UserDifference[] {
  const unread = new Set<string>(snapshot.unread);
  const found = clerkColumns.flatMap(({ name, property, type }): UserDifference[] => {
    const key = (type === "time" ? property.replace(/Ms$/, "") : property) as keyof User;
    const atClerk = type === "time" ? toInstant(snapshot[property]) : snapshot[property];
    return unread.has(name) ? [] : [{ column: key, here: toValue(row[key]), atClerk: toValue(atClerk) }];
  });
  const role = { column: "role", here: row.role, atClerk: snapshot.isAdmin ? "admin" : "user" };
  const followsClerk = row.role === "admin" ? row.roleSource === "clerk" : !row.roleSource;
  if (followsClerk && !unread.has("role")) found.push(role);
  return found.filter(({ here, atClerk }) => here !== atClerk);
}

function toInstant(ms: unknown): Date | null {
  return typeof ms === "number" ? new Date(ms) : null;
}

function toValue(value: unknown): ColumnValue {
  if (value instanceof Date) return value.toISOString();
  return typeof value === "string" || typeof value === "boolean" ? value : null;
}

/** A user without any value. */
export const blankUser = {
  email: null,
  emailVerified: false,
  name: null,
  imageUrl: null,
  isAdmin: false,
  banned: false,
  clerkCreatedAtMs: 0,
  clerkUpdatedAtMs: 0,
} satisfies Partial<UserSnapshot>;
