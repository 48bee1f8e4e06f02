import { type ListedMembership, type ListedOrganization, maxUsersPerPage } from "@rollcall/clerk";
import { AppError } from "@rollcall/contracts";
import type { EntryPage, RetryingClerk } from "./retrying-clerk.ts";
import type { EntryList } from "./walk-entries.ts";

type Order = "+created_at" | "-created_at";

/** Clerk's list of all organizations. */
export function listOrganizations(
  clerk: RetryingClerk,
  orderBy: Order,
  limit: number = maxUsersPerPage,
): EntryList<ListedOrganization> {
  return {
    name: "organizations",
    list: (offset) => clerk.listOrganizationPage({ orderBy, limit, offset }),
    describe: ({ clerkOrgId, result }) => ({ id: clerkOrgId, createdAtMs: readCreatedAtMs(result) }),
  };
}

/** Clerk's list of the memberships of all organizations. */
export function listMemberships(
  clerk: RetryingClerk,
  orderBy: Order,
  limit: number = maxUsersPerPage,
): EntryList<ListedMembership> {
  return {
    name: "memberships",
    list: async (offset): Promise<EntryPage<ListedMembership>> => {
      const page = await clerk.listMembershipPage({ of: "instance", orderBy, limit, offset });
      if (page !== "absent") return page;
      throw new AppError("clerk.unreadable", "Clerk has no list of all memberships");
    },
    describe: ({ result }) => ({
      id: "found" in result ? result.found.id : null,
      createdAtMs: readCreatedAtMs(result),
    }),
  };
}

function readCreatedAtMs(result: ListedOrganization["result"] | ListedMembership["result"]): number | null {
  return "found" in result ? result.found.created_at : null;
}
