import { type Mapping, resolveOrganizations, toQualified } from "@rollcall/contracts";
import { quoteName } from "./quote-name.ts";

/** An organization as Clerk described it at one moment, reduced to the columns of its table. */
export type OrganizationSnapshot = {
  clerkOrgId: string;
  name: string;
  slug: string | null;
  imageUrl: string | null;
  /** Null if Clerk's answer does not count the members. An existing row then keeps its number. */
  membersCount: number | null;
  /** Milliseconds since the epoch, as Clerk counts. */
  clerkCreatedAtMs: number | null;
  /** Null, an unreadable time, counts as the oldest. */
  clerkUpdatedAtMs: number | null;
  /** The read sequence of the Clerk request. */
  readTicket: number;
  /** The origin of the sync job, for the timeline. */
  cause: string;
  ref: string | null;
};

/** A membership as Clerk described it at one moment. Times are as in `OrganizationSnapshot`. */
export type MembershipSnapshot = {
  clerkOrgId: string;
  clerkId: string;
  /** `orgmem_…`. A user who joins again has another one. */
  membershipId: string;
  role: string;
  clerkCreatedAtMs: number | null;
  clerkUpdatedAtMs: number | null;
  readTicket: number;
  cause: string;
  ref: string | null;
};

/** Why an organization or a membership ended, and what led to it. See `Deletion` of users. */
export type EndReason = { by: "signature" | "absence" | "person"; cause: string; ref: string | null };

/** A time of Clerk's as a timestamp. */
export const fromMs = (column: string) => `timestamptz 'epoch' + ${column} * interval '1 millisecond'`;

/** A column that holds a value of Clerk's, under its field in the mapping. */
export type OrganizationColumn = {
  /** The name, quoted. */
  column: string;
  /** The value in a row `s` of snapshots, in which each has its default name. */
  name: string;
};

/** The fields that hold Clerk's values as they are, with the names of their values in statements. */
const clerkFields = {
  name: "name",
  slug: "slug",
  imageUrl: "image_url",
  membersCount: "members_count",
  clerkCreatedAt: "clerk_created_at",
  clerkUpdatedAt: "clerk_updated_at",
} as const;

/** The tables of organizations as statements name them. Every name is quoted. */
export type OrganizationTables = ReturnType<typeof describeOrganizations>;

/** @returns undefined while organizations are off */
export function createOrganizationTables(mapping: Mapping): OrganizationTables | undefined {
  const mapped = resolveOrganizations(mapping);
  return mapped && describeOrganizations(mapped);
}

function describeOrganizations(mapped: NonNullable<ReturnType<typeof resolveOrganizations>>) {
  const { columns, memberships: pairs } = mapped;
  const fields = Object.entries(clerkFields) as [keyof typeof clerkFields, string][];
  const clerkColumns = fields.flatMap(([field, name]): OrganizationColumn[] => {
    const column = columns[field];
    return column === undefined ? [] : [{ column: quoteName(column), name }];
  });
  return {
    mapped,
    ...nameTable(mapped),
    id: quoteName(mapped.key.column),
    /** Undefined if the key is the Clerk id, which every insert has. */
    madeKey: mapped.key.column === columns.clerkOrgId ? undefined : mapped.key,
    clerkOrgId: quoteName(columns.clerkOrgId),
    clerkColumns,
    differs: compareOrganization(clerkColumns),
    deletedAt: quoteOptional(columns.deletedAt),
    createdAt: quoteOptional(columns.createdAt),
    updatedAt: quoteOptional(columns.updatedAt),
    memberships: {
      ...nameTable(pairs),
      madeKey: pairs.key,
      user: quoteName(pairs.user),
      organization: quoteName(pairs.organization),
      role: quoteOptional(pairs.columns.role),
      deletedAt: quoteOptional(pairs.columns.deletedAt),
      createdAt: quoteOptional(pairs.columns.createdAt),
      updatedAt: quoteOptional(pairs.columns.updatedAt),
      differs: compareMembership(quoteOptional(pairs.columns.role), quoteOptional(pairs.columns.deletedAt)),
    },
  };
}

/** Whether a row `o` differs from its snapshot `s`; undefined if no column could. A number that Clerk did not send stays. */
function compareOrganization(columns: readonly OrganizationColumn[]): string | undefined {
  const comparisons = columns.map(({ column, name }) =>
    name === "members_count"
      ? `coalesce(s.${name}, o.${column}) is distinct from o.${column}`
      : `o.${column} is distinct from s.${name}`,
  );
  return comparisons.length === 0 ? undefined : `(${comparisons.join(" or ")})`;
}

/** Whether a row `m` differs from its snapshot `k`; undefined if no column could. */
function compareMembership(role: string | undefined, deletedAt: string | undefined): string | undefined {
  const comparisons = [
    ...(role === undefined ? [] : [`m.${role}::text is distinct from k.role`]),
    ...(deletedAt === undefined ? [] : [`m.${deletedAt} is not null`]),
  ];
  return comparisons.length === 0 ? undefined : `(${comparisons.join(" or ")})`;
}

function nameTable({ table }: { table: string }) {
  const qualified = toQualified(table);
  return { table: qualified.map(quoteName).join("."), label: qualified.join(".") };
}

const quoteOptional = (name: string | undefined) => (name === undefined ? undefined : quoteName(name));
