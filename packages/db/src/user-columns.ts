import { type ColumnValue, type Mapping, toQualified, type UserDifference } from "@rollcall/contracts";
import { quoteName } from "./quote-name.ts";
import type { User } from "./schema.ts";

/** A user as Clerk described it at one moment, reduced to the columns of the users' table. */
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
  /** The name in rows of snapshots, and the column's name in the default table. */
  name: string;
  /** The field of the mapping. A field that is no part of the mapping keeps the column's default name. */
  field: keyof Mapping["users"]["columns"] | undefined;
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
const mark = { field: undefined, type: "time", isVisible: false, isPersonal: false } as const;

/**
 * The columns of the users' table that hold Clerk's values as they are. The upsert, the drift query, the digest, the
 * deletion and the adoption rules use this list. Role and read sequence have rules of their own.
 */
const clerkColumns: readonly ClerkColumn[] = [
  { name: "email", field: "email", property: "email", type: "text", minLength: 254, ...personal },
  { name: "email_verified", field: "emailVerified", property: "emailVerified", type: "boolean", ...personal },
  { name: "name", field: "name", property: "name", type: "text", minLength: 100, ...personal },
  { name: "image_url", field: "imageUrl", property: "imageUrl", type: "text", minLength: 255, ...personal },
  {
    name: "banned",
    field: "banned",
    property: "banned",
    type: "boolean",
    isVisible: true,
    isPersonal: false,
  },
  { name: "clerk_created_at", property: "clerkCreatedAtMs", ...mark },
  { name: "clerk_updated_at", property: "clerkUpdatedAtMs", ...mark },
];

/** A column of the app's table that holds a value of Clerk's as it is. */
export type MappedColumn = ClerkColumn & {
  /** The column's name in the table, quoted. */
  column: string;
};

/** Fields that a mapping may leave out. The rules need every other field, which then has its default name. */
const optionalFields = ["name", "imageUrl"] as const;

/** Whether rows must be asked for the values that Clerk did not give. */
export const isPartlyRead = ({ unread }: UserSnapshot): boolean => unread !== undefined && unread.length > 0;

/** The parameter of `partlyReadRows` behind those of `listParameters`. */
export function listUnread(snapshots: readonly UserSnapshot[]): string[] {
  return snapshots.map(({ unread = [] }) => unread.join(","));
}

const fromMs = (column: string) => `timestamptz 'epoch' + ${column} * interval '1 millisecond'`;

/**
 * The columns in which a row differs from Clerk's user, as the write would change them. A column that could not be read
 * at Clerk does not differ.
 */
export function compareWithClerk(
  { tables }: { tables: { users: UserColumns } },
  row: User,
  snapshot: UserSnapshot,
): UserDifference[] {
  const unread = new Set<string>(snapshot.unread);
  const found = tables.users.clerkColumns.flatMap(({ name, property, type }): UserDifference[] => {
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

/** The properties of a row that hold personal data. */
// The cast states that a text column has one property name in snapshots and in rows.
export const personalProperties = clerkColumns
  .filter(({ isPersonal, type }) => isPersonal && type === "text")
  .map(({ property }) => property as keyof User & keyof UserSnapshot);

export type UserColumns = ReturnType<typeof describeUserColumns>;

/**
 * The names of the users' columns, quoted, and the parts of statements that list them.
 *
 * @param isDefault whether the tables are those that Rollcall makes: their times have defaults and count microseconds.
 * Those of an app may do neither. Prisma's `updatedAt` has no default, and its timestamps count milliseconds.
 */
export function describeUserColumns(mappedUsers: Mapping["users"], isDefault: boolean) {
  const { table, key, columns: mapped } = mappedUsers;
  const isOmitted = (field: string | undefined) =>
    optionalFields.some((optional) => optional === field && mapped[optional] === undefined);
  const present: readonly MappedColumn[] = clerkColumns
    .filter(({ field }) => !isOmitted(field))
    .map((one) => ({ ...one, column: quoteName((one.field && mapped[one.field]) ?? one.name) }));
  const names = {
    id: quoteName(key.column),
    clerkId: quoteName(mapped.clerkId),
    email: quoteName(mapped.email ?? "email"),
    emailVerified: quoteName(mapped.emailVerified ?? "email_verified"),
    name: mapped.name === undefined ? undefined : quoteName(mapped.name),
    imageUrl: mapped.imageUrl === undefined ? undefined : quoteName(mapped.imageUrl),
    role: quoteName(mapped.role ?? "role"),
    // Rollcall's own columns have one name under every mapping, so statements also write them out.
    roleSource: "role_source",
    tier: quoteName(mapped.tier ?? "tier"),
    banned: quoteName(mapped.banned ?? "banned"),
    clerkCreatedAt: "clerk_created_at",
    clerkUpdatedAt: "clerk_updated_at",
    readTicket: "read_ticket",
    deletedAt: quoteName(mapped.deletedAt ?? "deleted_at"),
    createdAt: quoteName(mapped.createdAt ?? "created_at"),
    updatedAt: quoteName(mapped.updatedAt ?? "updated_at"),
  };

  const parameters = [
    { name: "clerk_id", property: "clerkId", type: "text" } as const,
    ...present,
    { name: "is_admin", property: "isAdmin", type: "boolean" } as const,
    { name: "read_ticket", property: "readTicket", type: "bigint" } as const,
  ];

  /**
   * Snapshots as rows `s`, from the parameters of `listParameters`, the first of which has the number `first` and holds
   * the Clerk ids. Times arrive as milliseconds, because JavaScript is slow at formatting dates. The product is exact,
   * because whole microseconds stay below 2^53.
   */
  const snapshotRows = (first: number) => `(
    select ${parameters.map(({ name, type }) => (type === "time" ? `${fromMs(name)} as ${name}` : name)).join(", ")}
    from unnest(
      ${parameters.map(({ type }, index) => `$${first + index}::${type === "time" ? "bigint" : type}[]`).join(", ")}
    ) as given (${parameters.map(({ name }) => name).join(", ")})
  ) s`;

  const keepUnread = (name: string, value: string, kept: string) =>
    `case when u.${names.id} is not null and '${name}' = any (string_to_array(p.unread, ',')) then ${kept} else ${value} end`;

  /**
   * `snapshotRows` with one more parameter, `listUnread`, in which unread columns have the values of the rows. It is a
   * form of its own, because it looks up each row and is rarely needed.
   */
  const partlyReadRows = (first: number) => `(
    select s.clerk_id, ${present.map(({ name, column }) => `${keepUnread(name, `s.${name}`, `u.${column}`)} as ${name}`).join(", ")},
      ${keepUnread("role", "s.is_admin", `u.${names.role}::text = 'admin'`)} as is_admin, s.read_ticket
    from ${snapshotRows(first)}
    join unnest($${first}::text[], $${first + parameters.length}::text[]) as p (clerk_id, unread) using (clerk_id)
    left join ${toQualified(table).map(quoteName).join(".")} u on u.${names.clerkId} = s.clerk_id
  ) s`;

  // A nondeterministic collation would take names that differ in case alone for the same.
  const cast = ({ type }: ClerkColumn) => (type === "text" ? '::text collate "C"' : "");
  const visible = present.filter(({ isVisible }) => isVisible);

  const differ = (columns: readonly MappedColumn[], other: (column: MappedColumn) => string) => {
    const ours = columns.map((column) => `u.${column.column}${cast(column)}`).join(", ");
    const others = columns.map((column) => `${other(column)}${cast(column)}`).join(", ");
    return `(${ours}) is distinct from (${others})`;
  };

  const personalTexts = present.filter(({ isPersonal, type }) => isPersonal && type === "text");

  return {
    ...names,
    /** The name of a row `u` as text, also of an app that has no names. */
    shownName: names.name === undefined ? "null::text" : `u.${names.name}::text`,
    /** The columns of Clerk's values that the table has. */
    clerkColumns: present,
    snapshotRows,
    partlyReadRows,
    parameterCount: parameters.length,
    /** One array for each parameter of `snapshotRows`: a statement takes any number of users. */
    listParameters: (snapshots: readonly UserSnapshot[]): unknown[][] =>
      parameters.map(({ property }) => snapshots.map((snapshot) => snapshot[property])),
    /** The columns of an insert. */
    insertedColumns: present.map(({ column }) => column).join(", "),
    /** Their values in rows `s`. */
    insertedValues: present.map(({ name }) => `s.${name}`).join(", "),
    /** Columns of an insert that get the time of the transaction, each with a comma in front. */
    insertedTimes: isDefault ? "" : `, ${names.createdAt}, ${names.updatedAt}`,
    insertedNow: isDefault ? "" : ", now(), now()",
    /** Whether this transaction wrote a time of a row `u`. Where times are rounded, so is the one of the transaction. */
    isNow: (column: string) =>
      isDefault ? `u.${column} = now()` : `u.${column}::timestamptz(3) = now()::timestamptz(3)`,
    /** Assignments of an upsert. */
    updatedColumns: present.map(({ column }) => `${column} = excluded.${column}`).join(", "),
    /** Assignments that erase a person. */
    erasedColumns: present
      .filter(({ isPersonal }) => isPersonal)
      .map(({ column, type }) => `${column} = ${type === "boolean" ? "false" : "null"}`)
      .join(", "),
    /**
     * Whether the row `u` and the row of an upsert differ in a visible column. The casts serve columns that the app made
     * as citext, say.
     */
    differVisibly: differ(visible, ({ column }) => `excluded.${column}`),
    /** The visible columns of a row `u` as one value. */
    visibleRow: `row(${[...visible.map((one) => `u.${one.column}${cast(one)}`), `u.${names.role}::text`].join(", ")})`,
    /** Whether the row `u` and the snapshot `s` differ in any column of the list. */
    differAtAll: differ(present, ({ name }) => `s.${name}`),
    /** Whether a row `u` holds a name, an address or an image. */
    holdsPersonalTexts: personalTexts.map(({ column }) => `u.${column} is not null`).join(" or "),
    /**
     * Whether Clerk decides the role of a row `u`. Rollcall writes only two pairs: ('admin', 'clerk') and ('user', null).
     * Any other pair is a decision of the app and stays.
     */
    roleFollowsClerk: `(u.${names.role}::text, coalesce(u.role_source::text, '')) in (('admin', 'clerk'), ('user', ''))`,
  };
}
