import { AppError } from "@rollcall/contracts";
import { z } from "zod";
import {
  type ClerkMembership,
  type ClerkOrganization,
  type MembershipPair,
  readClerkMembership,
  readClerkOrganization,
} from "./organization.ts";
import type { PartlyRead } from "./read-fields.ts";

/** The result of a Clerk request for one organization. Unreadable: without a readable id. */
export type OrganizationResult = { found: ClerkOrganization } | { absent: true } | { unreadable: AppError };

/** The result for one pair. Unreadable also means: Clerk's answers neither show the membership nor prove its absence. */
export type MembershipResult = { found: ClerkMembership } | { absent: true } | { unreadable: AppError };

/** An entry of a list. The id is null when it cannot be read. */
export type ListedOrganization = {
  clerkOrgId: string | null;
  result: Exclude<OrganizationResult, { absent: true }>;
};

/** An entry of a list. The pair is null when it cannot be read. */
export type ListedMembership = {
  pair: MembershipPair | null;
  result: Exclude<MembershipResult, { absent: true }>;
};

/** `totalCount` counts the whole list, of which a page is a part. Clerk counts it apart from the page. */
export type OrganizationPage = { organizations: ListedOrganization[]; totalCount: number };
export type MembershipPage = { memberships: ListedMembership[]; totalCount: number };

export type OrganizationListQuery = {
  /** Clerk has no order by time of change, and no cursor. */
  orderBy: "+created_at" | "-created_at";
  /** Up to 500. */
  limit: number;
  offset?: number;
  /** Only these, up to 100. Clerk ignores ids of no organization. */
  clerkOrgIds?: readonly string[];
};

export type MembershipListQuery = {
  /** Up to 500. */
  limit: number;
  offset?: number;
} & (
  | { of: "instance"; orderBy: MembershipOrder }
  /** With `clerkIds`, only these users' memberships, up to 100. */
  | { of: "organization"; clerkOrgId: string; orderBy: MembershipOrder; clerkIds?: readonly string[] }
  /** The order of this list cannot be chosen. */
  | { of: "user"; clerkId: string }
);

type MembershipOrder = "+created_at" | "-created_at";

/**
 * Reads of organizations and memberships. Each throws AppError `clerk.unavailable`, `clerk.rate_limited`,
 * `clerk.unauthorized`, `clerk.unreadable`, or `clerk.too_large` for an answer over 10 MB.
 */
export type OrganizationReads = {
  /** Reads one organization, with its number of members. A 404 is an absence, not an error. */
  readOrganization(clerkOrgId: string): Promise<OrganizationResult>;
  /** Reads up to 100 organizations in one request. An id that the answer lacks is not in the map, as for `readUsers`. */
  readOrganizations(clerkOrgIds: readonly string[]): Promise<Map<string, ListedOrganization["result"]>>;
  /** Lists organizations in one request, with their numbers of members. @param beforeParse as for `listUsers` */
  listOrganizations(
    query: OrganizationListQuery,
    beforeParse?: () => Promise<unknown>,
  ): Promise<OrganizationPage>;
  /** Lists memberships in one request. `absent`: Clerk has no such organization, or no such user. */
  listMemberships(
    query: MembershipListQuery,
    beforeParse?: () => Promise<unknown>,
  ): Promise<MembershipPage | "absent">;
};

/** One GET to Clerk. @param template the path without ids. @returns undefined for a 404 of Clerk itself */
export type AskClerk = <T>(
  path: string,
  read: (body: unknown) => T,
  options: { template: string; isList?: boolean; beforeParse?: (() => Promise<unknown>) | undefined },
) => Promise<T | undefined>;

/** @param report called once for each answer that holds entries with unreadable fields */
export function createOrganizationReads(
  ask: AskClerk,
  report: (entries: readonly PartlyRead[]) => void,
): OrganizationReads {
  async function listOrganizations(
    query: OrganizationListQuery,
    beforeParse?: () => Promise<unknown>,
  ): Promise<OrganizationPage> {
    const path = `/v1/organizations?${toOrganizationParameters(query)}`;
    const options = { template: "/v1/organizations", isList: true, beforeParse };
    const page = await ask(path, readOrganizations, options);
    if (page === undefined) throw notAList();
    report(
      findPartlyRead(
        "organization",
        page.organizations.map(({ result }) => result),
      ),
    );
    return page;
  }

  return {
    readOrganization: async (clerkOrgId) => {
      const path = `/v1/organizations/${encodeURIComponent(clerkOrgId)}?include_members_count=true`;
      const result = await ask(path, readOrganizationEntry, { template: "/v1/organizations/{id}" });
      if (result === undefined) return { absent: true };
      // Clerk takes a slug in the place of an id.
      if ("found" in result && result.found.id !== clerkOrgId)
        return unreadable("An organization", "another id than the requested one");
      report(findPartlyRead("organization", [result]));
      return result;
    },
    readOrganizations: async (clerkOrgIds) => {
      const { organizations } = await listOrganizations({
        ...{ orderBy: "+created_at", limit: clerkOrgIds.length, clerkOrgIds },
      });
      return new Map(
        organizations.flatMap(({ clerkOrgId, result }) =>
          clerkOrgId === null ? [] : [[clerkOrgId, result] as const],
        ),
      );
    },
    listOrganizations,
    listMemberships: async (query, beforeParse) => {
      const { path, template } = addressOf(query);
      const options = { template, isList: true, beforeParse };
      const read = (body: unknown) => readMemberships(body, query);
      const page = await ask(`${path}?${toMembershipParameters(query)}`, read, options);
      if (page === undefined && query.of === "instance") throw notAList();
      if (page === undefined) return "absent";
      report(
        findPartlyRead(
          "membership",
          page.memberships.map(({ result }) => result),
        ),
      );
      return page;
    },
  };
}

function addressOf(query: MembershipListQuery): { path: string; template: string } {
  switch (query.of) {
    case "instance":
      return { path: "/v1/organization_memberships", template: "/v1/organization_memberships" };
    case "organization":
      return {
        path: `/v1/organizations/${encodeURIComponent(query.clerkOrgId)}/memberships`,
        template: "/v1/organizations/{id}/memberships",
      };
    case "user":
      return {
        path: `/v1/users/${encodeURIComponent(query.clerkId)}/organization_memberships`,
        template: "/v1/users/{id}/organization_memberships",
      };
    default:
      return query satisfies never;
  }
}

function toOrganizationParameters(query: OrganizationListQuery): URLSearchParams {
  const parameters = toPaging(query);
  parameters.set("order_by", query.orderBy);
  parameters.set("include_members_count", "true");
  for (const id of query.clerkOrgIds ?? []) parameters.append("organization_id", id);
  return parameters;
}

function toMembershipParameters(query: MembershipListQuery): URLSearchParams {
  const parameters = toPaging(query);
  if (query.of !== "user") parameters.set("order_by", query.orderBy);
  if (query.of === "organization") for (const id of query.clerkIds ?? []) parameters.append("user_id", id);
  return parameters;
}

function toPaging({ limit, offset }: { limit: number; offset?: number }): URLSearchParams {
  const parameters = new URLSearchParams({ limit: String(limit) });
  if (offset !== undefined) parameters.set("offset", String(offset));
  return parameters;
}

const page = z.object({ data: z.array(z.unknown()), total_count: z.number().int().nonnegative() });

function readPage(body: unknown): z.infer<typeof page> {
  const read = page.safeParse(body);
  if (!read.success) throw notAList();
  return read.data;
}

function readOrganizations(body: unknown): OrganizationPage {
  const { data, total_count } = readPage(body);
  const organizations = data.map((entry) => {
    const result = readOrganizationEntry(entry);
    return { clerkOrgId: "found" in result ? result.found.id : null, result };
  });
  return { organizations, totalCount: total_count };
}

function readOrganizationEntry(entry: unknown): ListedOrganization["result"] {
  const organization = readClerkOrganization(entry);
  return organization ? { found: organization } : unreadable("An organization", "no readable id");
}

function readMemberships(body: unknown, query: MembershipListQuery): MembershipPage {
  const { data, total_count } = readPage(body);
  return { memberships: data.map((entry) => toListedMembership(entry, query)), totalCount: total_count };
}

function toListedMembership(entry: unknown, query: MembershipListQuery): ListedMembership {
  const membership = readClerkMembership(entry);
  if (!membership) return { pair: null, result: unreadable("A membership", "no readable ids") };
  const { clerkOrgId, clerkId } = membership;
  const isOther =
    (query.of === "organization" && query.clerkOrgId !== clerkOrgId) ||
    (query.of === "user" && query.clerkId !== clerkId);
  if (isOther) return { pair: null, result: unreadable("A membership", "other ids than the requested ones") };
  return { pair: { clerkOrgId, clerkId }, result: { found: membership } };
}

type Result = { found: { id: string; unreadable?: readonly string[] } } | { unreadable: AppError };

function findPartlyRead(thing: string, results: readonly Result[]): PartlyRead[] {
  return results.flatMap((result) =>
    "found" in result && result.found.unreadable
      ? [{ clerkId: result.found.id, fields: result.found.unreadable.map((field) => `${thing}.${field}`) }]
      : [],
  );
}

function unreadable(thing: string, has: string): { unreadable: AppError } {
  return { unreadable: new AppError("clerk.unreadable", `${thing} at Clerk has ${has}`) };
}

const notAList = () => new AppError("clerk.unreadable", "Clerk's answer is no page with a total");
