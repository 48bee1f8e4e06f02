import type { FastifyInstance } from "fastify";
import type { OrganizationStore, StoredOrganization } from "../organizations/organization-store.ts";
import type { MembershipStores, Organizations } from "../organizations/organizations.ts";
import { ClerkApiError, invalidParameter, notFound, userNotFound } from "./api-error.ts";
import type { ApiRoute, createGate } from "./gate.ts";
import {
  readMembershipBody,
  readOrganizationBody,
  readOrganizationPatch,
  readRoleBody,
  slugTaken,
} from "./organization-body.ts";
import {
  listAllMemberships,
  listMembers,
  listOfUser,
  listOrganizations,
  wantsMembersCount,
} from "./organization-query.ts";

type OrganizationContext = {
  organizationStore: OrganizationStore;
  organizations: Organizations;
  gate: ReturnType<typeof createGate>;
};

/** Organizations and memberships. Source: Clerk's Backend API description of 2026-05-12. */
export function registerOrganizations(app: FastifyInstance, context: OrganizationContext): void {
  registerOrganizationRoutes(app, context);
  registerMembershipRoutes(app, context);
}

function registerOrganizationRoutes(
  app: FastifyInstance,
  { organizationStore, organizations, gate }: OrganizationContext,
): void {
  const list: ApiRoute = ({ params, organizationStore }) => {
    const { entries, total } = listOrganizations(organizationStore, params);
    const options = { withCount: wantsMembersCount(params) };
    const data = entries.map((stored) => organizations.organizationOf(stored, options));
    return JSON.stringify({ data, total_count: total });
  };
  const get: ApiRoute = ({ params, organizationId, organizationStore }) => {
    // Only this request takes a slug too.
    const stored = organizationStore.find(organizationId) ?? organizationStore.findBySlug(organizationId);
    if (stored === undefined) throw notFound("organization", organizationId);
    return JSON.stringify(organizations.organizationOf(stored, { withCount: wantsMembersCount(params) }));
  };
  const create: ApiRoute = ({ body, store }) => {
    const input = readOrganizationBody(body);
    if (input.slug !== undefined && organizationStore.findBySlug(input.slug) !== undefined) throw slugTaken();
    if (input.createdBy !== undefined && store.slotOf(input.createdBy) === null)
      throw invalidParameter("created_by", "created_by is no user", "form_param_value_invalid");
    return JSON.stringify(organizations.create(input));
  };
  const update: ApiRoute = ({ organizationId, body }) => {
    getOrganization(organizationStore, organizationId);
    const patch = readOrganizationPatch(body);
    const other = patch.slug === undefined ? undefined : organizationStore.findBySlug(patch.slug);
    if (other !== undefined && other.id !== organizationId) throw slugTaken();
    return JSON.stringify(organizations.update(organizationId, patch));
  };
  const remove: ApiRoute = ({ organizationId }) => {
    const { slug } = getOrganization(organizationStore, organizationId).organization;
    organizations.delete(organizationId);
    return JSON.stringify({ object: "organization", id: organizationId, slug, deleted: true });
  };

  app.get("/v1/organizations", gate(list));
  app.post("/v1/organizations", gate(create));
  app.get("/v1/organizations/:organization", gate(get));
  app.patch("/v1/organizations/:organization", gate(update));
  app.delete("/v1/organizations/:organization", gate(remove));
}

function registerMembershipRoutes(
  app: FastifyInstance,
  { organizationStore, organizations, gate }: OrganizationContext,
): void {
  const toBody = ({ entries, total }: { entries: number[]; total: number }, from: MembershipStores) =>
    JSON.stringify({
      data: entries.map((slot) => organizations.membershipOf(slot, from)),
      total_count: total,
    });

  const listAll: ApiRoute = ({ params, ...from }) =>
    toBody(listAllMemberships(from.organizationStore, from.store, params), from);
  const listOfOne: ApiRoute = ({ params, organizationId, ...from }) => {
    const stored = getOrganization(from.organizationStore, organizationId);
    return toBody(listMembers(from.organizationStore, from.store, stored, params), from);
  };
  const ofUser: ApiRoute = ({ params, userId, ...from }) => {
    if (from.store.slotOf(userId) === null) throw userNotFound(userId);
    return toBody(listOfUser(from.organizationStore, userId, params), from);
  };
  const add: ApiRoute = ({ organizationId, body, store }) => {
    const stored = getOrganization(organizationStore, organizationId);
    const { userId, input } = readMembershipBody(body);
    if (store.slotOf(userId) === null) throw userNotFound(userId);
    refuseMember(stored, userId);
    return JSON.stringify(organizations.addMember(organizationId, userId, input));
  };
  const change: ApiRoute = ({ organizationId, userId, body }) => {
    getMember(organizationStore, organizationId, userId);
    return JSON.stringify(organizations.changeMember(organizationId, userId, readRoleBody(body)));
  };
  const remove: ApiRoute = ({ organizationId, userId }) => {
    getMember(organizationStore, organizationId, userId);
    return JSON.stringify(organizations.removeMember(organizationId, userId));
  };

  app.get("/v1/organization_memberships", gate(listAll));
  app.get("/v1/organizations/:organization/memberships", gate(listOfOne));
  app.post("/v1/organizations/:organization/memberships", gate(add));
  // Clerk has no GET for one membership.
  app.patch("/v1/organizations/:organization/memberships/:id", gate(change));
  app.delete("/v1/organizations/:organization/memberships/:id", gate(remove));
  app.get("/v1/users/:id/organization_memberships", gate(ofUser));
}

function getOrganization(store: OrganizationStore, id: string): StoredOrganization {
  const stored = store.find(id);
  if (stored === undefined) throw notFound("organization", id);
  return stored;
}

function getMember(store: OrganizationStore, id: string, userId: string): void {
  if (!getOrganization(store, id).slotByUser.has(userId)) throw notFound("organization membership", userId);
}

function refuseMember({ organization, slotByUser }: StoredOrganization, userId: string): void {
  if (slotByUser.has(userId))
    throw new ClerkApiError(
      400,
      "already_a_member_in_organization",
      "The user is already a member of the organization.",
    );
  const most = organization.max_allowed_memberships;
  if (most > 0 && slotByUser.size >= most)
    throw new ClerkApiError(
      403,
      "organization_membership_quota_exceeded",
      `The organization has its ${most} members already.`,
    );
}
