import { z } from "zod";
import type { Random } from "../random.ts";
import type { UserStore } from "../users/user-store.ts";
import { type ChangeOptions, UnknownUserError } from "../users/users.ts";
import {
  type ClerkMembership,
  type ClerkOrganization,
  nameOfRole,
  permissionsOf,
  publicUserData,
} from "./clerk-organization.ts";
import type { OrganizationStore, StoredMembership, StoredOrganization } from "./organization-store.ts";

const metadata = z.record(z.string(), z.unknown());
const timeMs = z.number().int().nonnegative();

/** The fields of an organization that a test may set; a missing field keeps its value. */
export const organizationPatchSchema = z.object({
  name: z.string().optional(),
  slug: z.string().optional(),
  imageUrl: z.string().optional(),
  maxAllowedMemberships: z.number().int().nonnegative().optional(),
  adminDeleteEnabled: z.boolean().optional(),
  publicMetadata: metadata.optional(),
  privateMetadata: metadata.optional(),
  createdAtMs: timeMs.optional(),
  /** Merged unchecked into the serialised organization, for values that Clerk never sends. */
  raw: metadata.optional(),
});
export const organizationInputSchema = organizationPatchSchema.extend({
  /** An id that was never used before. */
  id: z.string().optional(),
  /** This user becomes a member, as `org:admin`. */
  createdBy: z.string().optional(),
});
export type OrganizationPatch = z.input<typeof organizationPatchSchema>;
export type OrganizationInput = z.input<typeof organizationInputSchema>;

export const membershipPatchSchema = z.object({
  role: z.string().optional(),
  publicMetadata: metadata.optional(),
  privateMetadata: metadata.optional(),
  /** Merged unchecked into the serialised membership. */
  raw: metadata.optional(),
});
export const membershipInputSchema = membershipPatchSchema.extend({ createdAtMs: timeMs.optional() });
export type MembershipPatch = z.input<typeof membershipPatchSchema>;
export type MembershipInput = z.input<typeof membershipInputSchema>;

export const organizationSeedSchema = z.object({
  /** Members of each organization; 1 by default. They are taken from the users in the order of sign-up, in turn. */
  members: z.number().int().nonnegative().optional(),
  /** Creation time of the first organization; by default the last one is made now. */
  firstCreatedAtMs: timeMs.optional(),
  /** Time between two organizations, 1000 by default. */
  stepMs: z.number().int().nonnegative().optional(),
});
export type OrganizationSeed = z.input<typeof organizationSeedSchema>;

export type Organizations = {
  create(input?: OrganizationInput, options?: ChangeOptions): ClerkOrganization;
  update(id: string, patch: OrganizationPatch, options?: ChangeOptions): ClerkOrganization;
  delete(id: string, options?: ChangeOptions): void;
  addMember(id: string, userId: string, input?: MembershipInput, options?: ChangeOptions): ClerkMembership;
  changeMember(id: string, userId: string, patch: MembershipPatch, options?: ChangeOptions): ClerkMembership;
  removeMember(id: string, userId: string, options?: ChangeOptions): ClerkMembership;
  /** Ends all memberships of a user who is about to be deleted. */
  removeUser(userId: string, options?: ChangeOptions): void;
  seed(count: number, options?: OrganizationSeed): void;
  organizationOf(stored: StoredOrganization, options?: { withCount: boolean }): ClerkOrganization;
  /** @param from where the slot is; a stale answer is of a copy */
  membershipOf(slot: number, from?: MembershipStores): ClerkMembership;
};

export type MembershipStores = { store: UserStore; organizationStore: OrganizationStore };

type OrganizationsContext = {
  store: OrganizationStore;
  users: UserStore;
  random: Random;
  now: () => number;
  /** Sends the webhook of a change that is not silent. */
  announce(type: string, userId: string, json: string): void;
  /** Whether a deletion of a user or an organization also sends the events of the memberships that it ends. */
  announcesEnds(): boolean;
};

export class UnknownOrganizationError extends Error {
  constructor(id: string) {
    super(`there is no organization ${id}`);
  }
}

export class NoMemberError extends Error {
  constructor(id: string, userId: string) {
    super(`${userId} is no member of ${id}`);
  }
}

/** All changes of organizations and memberships: each one is stored and announced by webhook. */
export function createOrganizations(context: OrganizationsContext): Organizations {
  const { store, users, random, now } = context;

  function get(id: string): StoredOrganization {
    const stored = store.find(id);
    if (stored === undefined) throw new UnknownOrganizationError(id);
    return stored;
  }

  function getSlot(id: string, userId: string): number {
    const slot = get(id).slotByUser.get(userId);
    if (slot === undefined) throw new NoMemberError(id, userId);
    return slot;
  }

  function organizationOf(stored: StoredOrganization, { withCount = false } = {}): ClerkOrganization {
    const { organization, raw, slotByUser } = stored;
    const count = withCount ? { members_count: slotByUser.size } : {};
    return { ...organization, ...count, ...raw };
  }

  function membershipOf(slot: number, from?: MembershipStores): ClerkMembership {
    return serialize(slot, false, from);
  }

  function serialize(
    slot: number,
    withCount: boolean,
    from: MembershipStores = { store: users, organizationStore: store },
  ): ClerkMembership {
    const stored = from.organizationStore.membershipOf(slot);
    const { id, organizationId, userId, role, createdAtMs, updatedAtMs, publicMetadata, raw } = stored;
    const userSlot = from.store.slotOf(userId);
    if (userSlot === null) throw new UnknownUserError(userId);
    const organization = from.organizationStore.find(organizationId);
    if (organization === undefined) throw new UnknownOrganizationError(organizationId);
    return {
      object: "organization_membership",
      id,
      role,
      role_name: nameOfRole(role),
      permissions: permissionsOf(role),
      public_metadata: publicMetadata,
      private_metadata: stored.privateMetadata,
      organization: organizationOf(organization, { withCount }),
      public_user_data: publicUserData(from.store.userOf(userSlot), userId),
      created_at: createdAtMs,
      updated_at: updatedAtMs,
      ...raw,
    };
  }

  function announceOrganization(type: string, stored: StoredOrganization, options: ChangeOptions): void {
    if (options.silent === true) return;
    context.announce(type, "", JSON.stringify(organizationOf(stored, { withCount: true })));
  }

  function announceMembership(type: string, slot: number, options: ChangeOptions): void {
    if (options.silent === true) return;
    const { userId } = store.membershipOf(slot);
    context.announce(type, userId, JSON.stringify(serialize(slot, true)));
  }

  function newId(prefix: "org" | "orgmem"): string {
    return `${prefix}_2${random.base62(26)}`;
  }

  function addStored(
    input: OrganizationInput,
    name: string,
    slug: string,
    createdAtMs: number,
  ): StoredOrganization {
    const id = input.id ?? newId("org");
    const organization: ClerkOrganization = {
      object: "organization",
      id,
      name,
      slug,
      image_url: input.imageUrl ?? `https://img.clerk.com/${id}`,
      has_image: input.imageUrl !== undefined,
      // At Clerk, 0 means no limit.
      max_allowed_memberships: input.maxAllowedMemberships ?? 0,
      admin_delete_enabled: input.adminDeleteEnabled ?? true,
      public_metadata: input.publicMetadata ?? {},
      private_metadata: input.privateMetadata ?? {},
      ...(input.createdBy === undefined ? {} : { created_by: input.createdBy }),
      created_at: createdAtMs,
      updated_at: createdAtMs,
    };
    const stored: StoredOrganization = {
      id,
      organization,
      raw: input.raw ?? {},
      createdAtMs,
      updatedAtMs: createdAtMs,
      members: store.newMembers(),
      slotByUser: new Map(),
    };
    store.add(stored);
    return stored;
  }

  function addStoredMember(stored: StoredOrganization, userId: string, input: MembershipInput): number {
    const createdAtMs = input.createdAtMs ?? now();
    const membership: StoredMembership = {
      id: newId("orgmem"),
      organizationId: stored.id,
      userId,
      role: input.role ?? "org:member",
      publicMetadata: input.publicMetadata ?? {},
      privateMetadata: input.privateMetadata ?? {},
      raw: input.raw,
      createdAtMs,
      updatedAtMs: createdAtMs,
    };
    return store.addMembership(membership);
  }

  function create(input: OrganizationInput = {}, options: ChangeOptions = {}): ClerkOrganization {
    const createdAtMs = input.createdAtMs ?? now();
    const name = input.name ?? `Team ${random.base62(6)}`;
    const slug = input.slug ?? findSlug(name, createdAtMs);
    const { createdBy } = input;
    if (createdBy !== undefined && users.slotOf(createdBy) === null) throw new UnknownUserError(createdBy);
    const stored = addStored(input, name, slug, createdAtMs);
    announceOrganization("organization.created", stored, options);
    if (createdBy !== undefined) addMember(stored.id, createdBy, { role: "org:admin", createdAtMs }, options);
    return organizationOf(stored, { withCount: true });
  }

  /** Clerk makes a slug of the name and the time. */
  function findSlug(name: string, atMs: number): string {
    const words = name.toLowerCase().replace(/[^a-z0-9]+/g, "-");
    const slug = `${words.replace(/^-|-$/g, "")}-${Math.floor(atMs / 1000)}`;
    return store.findBySlug(slug) === undefined ? slug : `${slug}${random.base62(6).toLowerCase()}`;
  }

  function update(id: string, patch: OrganizationPatch, options: ChangeOptions = {}): ClerkOrganization {
    const stored = get(id);
    const { organization } = stored;
    if (patch.slug !== undefined) store.reslug(stored, patch.slug);
    if (options.keepUpdatedAt !== true) stored.updatedAtMs = Math.max(now(), stored.updatedAtMs + 1);
    stored.createdAtMs = patch.createdAtMs ?? stored.createdAtMs;
    stored.organization = {
      ...organization,
      name: patch.name ?? organization.name,
      slug: patch.slug ?? organization.slug,
      image_url: patch.imageUrl ?? organization.image_url,
      has_image: organization.has_image || patch.imageUrl !== undefined,
      max_allowed_memberships: patch.maxAllowedMemberships ?? organization.max_allowed_memberships,
      admin_delete_enabled: patch.adminDeleteEnabled ?? organization.admin_delete_enabled,
      public_metadata: patch.publicMetadata ?? organization.public_metadata,
      private_metadata: patch.privateMetadata ?? organization.private_metadata,
      created_at: stored.createdAtMs,
      updated_at: stored.updatedAtMs,
    };
    stored.raw = { ...stored.raw, ...patch.raw };
    announceOrganization("organization.updated", stored, options);
    return organizationOf(stored, { withCount: true });
  }

  function remove(id: string, options: ChangeOptions = {}): void {
    const stored = get(id);
    endAll(stored.members.range(0, stored.members.size()), options);
    store.remove(stored);
    if (options.silent === true) return;
    const { slug } = stored.organization;
    context.announce(
      "organization.deleted",
      "",
      JSON.stringify({ object: "organization", id, slug, deleted: true }),
    );
  }

  function endAll(slots: readonly number[], options: ChangeOptions): void {
    const silent = options.silent === true || !context.announcesEnds();
    for (const slot of slots) {
      announceMembership("organizationMembership.deleted", slot, { silent });
      store.removeMembership(slot);
    }
  }

  function addMember(
    id: string,
    userId: string,
    input: MembershipInput = {},
    options: ChangeOptions = {},
  ): ClerkMembership {
    const stored = get(id);
    if (users.slotOf(userId) === null) throw new UnknownUserError(userId);
    if (stored.slotByUser.has(userId)) throw new Error(`${userId} is a member of ${id} already`);
    const slot = addStoredMember(stored, userId, input);
    announceMembership("organizationMembership.created", slot, options);
    return membershipOf(slot);
  }

  function changeMember(
    id: string,
    userId: string,
    patch: MembershipPatch,
    options: ChangeOptions = {},
  ): ClerkMembership {
    const slot = getSlot(id, userId);
    const stored = store.membershipOf(slot);
    stored.role = patch.role ?? stored.role;
    stored.publicMetadata = patch.publicMetadata ?? stored.publicMetadata;
    stored.privateMetadata = patch.privateMetadata ?? stored.privateMetadata;
    if (patch.raw !== undefined) stored.raw = { ...stored.raw, ...patch.raw };
    if (options.keepUpdatedAt !== true) stored.updatedAtMs = Math.max(now(), stored.updatedAtMs + 1);
    announceMembership("organizationMembership.updated", slot, options);
    return membershipOf(slot);
  }

  function removeMember(id: string, userId: string, options: ChangeOptions = {}): ClerkMembership {
    const slot = getSlot(id, userId);
    const membership = membershipOf(slot);
    announceMembership("organizationMembership.deleted", slot, options);
    store.removeMembership(slot);
    return membership;
  }

  function seed(count: number, options: OrganizationSeed = {}): void {
    const { members = 1, stepMs = 1000 } = options;
    const first = options.firstCreatedAtMs ?? now() - count * stepMs;
    const people = users.byCreation.range(0, users.byCreation.size());
    const perTeam = Math.min(members, people.length);
    for (let i = 0; i < count; i++) {
      const createdAtMs = first + i * stepMs;
      const stored = addStored({}, `Team ${i}`, findSlug(`Team ${i}`, createdAtMs), createdAtMs);
      for (let j = 0; j < perTeam; j++) {
        const userSlot = people[(i * perTeam + j) % people.length] ?? 0;
        const role = j === 0 ? "org:admin" : "org:member";
        addStoredMember(stored, users.ids.idOf(userSlot), { role, createdAtMs });
      }
    }
  }

  return {
    create,
    update,
    delete: remove,
    addMember,
    changeMember,
    removeMember,
    removeUser: (userId, options = {}) => endAll(store.slotsOfUser(userId), options),
    seed,
    organizationOf,
    membershipOf,
  };
}
