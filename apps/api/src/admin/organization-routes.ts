import {
  AppError,
  clerkOrganizationId,
  listOf,
  memberQuery,
  organizationEntry,
  organizationMember,
  organizationQuery,
  organizationReport,
  organizationSyncAnswer,
} from "@rollcall/contracts";
import { explainOrganization, findMembers, findOrganizations, requestOrganizationSync } from "@rollcall/sync";
import { z } from "zod";
import { type AdminRoute, defineRoute } from "./admin-route.ts";

const organizationParams = z.object({ clerkOrgId: clerkOrganizationId });

/** While the mapping has no organizations, each of them answers 404 `organization.off`. */
export const organizationRoutes: readonly AdminRoute[] = [
  defineRoute({
    method: "GET",
    path: "/organizations",
    role: "viewer",
    summary:
      "Organizations by the start of a Clerk id, or by part of a name or a slug, the last Clerk id first. A page may be short, or empty, and have a next one.",
    query: organizationQuery,
    answer: listOf(organizationEntry),
    run: ({ pool }, { query: { query, cursor, limit } }) => findOrganizations(pool, { query, cursor, limit }),
  }),
  defineRoute({
    method: "GET",
    path: "/organizations/:clerkOrgId",
    role: "viewer",
    summary: "Everything known about one organization, with one sentence that explains the state.",
    params: organizationParams,
    answer: organizationReport,
    run: async (context, { params }) => {
      const report = await explainOrganization(context, params.clerkOrgId);
      if (!report) throw new AppError("organization.unknown", "Neither Clerk nor Rollcall knows the id");
      return report;
    },
  }),
  defineRoute({
    method: "GET",
    path: "/organizations/:clerkOrgId/members",
    role: "viewer",
    summary:
      "The members of an organization with their roles, as Rollcall has them. A page may be short, or empty, and have a next one.",
    params: organizationParams,
    query: memberQuery,
    answer: listOf(organizationMember),
    run: ({ pool }, { params, query: { cursor, limit } }) => findMembers(pool, { ...params, cursor, limit }),
  }),
  defineRoute({
    method: "POST",
    path: "/organizations/:clerkOrgId/sync",
    role: "operator",
    summary: "Adds a sync job for one organization. Its memberships have jobs of their own.",
    params: organizationParams,
    status: 202,
    answer: organizationSyncAnswer,
    run: async (context, { params }, { operator }) => {
      await requestOrganizationSync(context, params.clerkOrgId, operator.name);
      return params;
    },
  }),
];
