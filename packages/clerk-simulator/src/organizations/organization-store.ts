import { createOrderedSlots, type OrderedSlots } from "../users/ordered-slots.ts";
import type { ClerkOrganization } from "./clerk-organization.ts";

/** An organization with its sort keys, which are separate from the JSON, because a test may spoil the JSON. */
export type StoredOrganization = {
  id: string;
  organization: ClerkOrganization;
  /** Merged unchecked into the serialised organization. */
  raw: Record<string, unknown>;
  createdAtMs: number;
  updatedAtMs: number;
  /** Slots of memberships, oldest first. */
  members: OrderedSlots;
  slotByUser: Map<string, number>;
};

/** A membership without what its organization and its user say. 200,000 of them fit into memory. */
export type StoredMembership = {
  id: string;
  organizationId: string;
  userId: string;
  role: string;
  publicMetadata: Record<string, unknown>;
  privateMetadata: Record<string, unknown>;
  raw: Record<string, unknown> | undefined;
  createdAtMs: number;
  updatedAtMs: number;
};

/** Organizations by id, and memberships by slot: a number assigned in the order of arrival and never reused. */
export type OrganizationStore = {
  find(id: string): StoredOrganization | undefined;
  findBySlug(slug: string): StoredOrganization | undefined;
  /** Newest last. */
  all(): StoredOrganization[];
  add(stored: StoredOrganization): void;
  /** Must be called around a change of the slug. */
  reslug(stored: StoredOrganization, slug: string): void;
  /** Only without members. */
  remove(stored: StoredOrganization): void;
  /** Slots of all memberships, oldest first. */
  memberships: OrderedSlots;
  membershipOf(slot: number): StoredMembership;
  slotsOfUser(userId: string): number[];
  /** Returns the membership's slot. */
  addMembership(membership: StoredMembership): number;
  removeMembership(slot: number): void;
  compareCreation(a: number, b: number): number;
  newMembers(): OrderedSlots;
  /** The organizations and memberships of this moment, which later changes of this store leave as they are. */
  copy(): OrganizationStore;
};

export function createOrganizationStore(): OrganizationStore {
  const byId = new Map<string, StoredOrganization>();
  const idBySlug = new Map<string, string>();
  const usedIds = new Set<string>();
  const memberships: (StoredMembership | undefined)[] = [];
  const slotsByUser = new Map<string, number[]>();

  function membershipOf(slot: number): StoredMembership {
    const membership = memberships[slot];
    if (membership === undefined) throw new Error(`there is no membership in slot ${slot}`);
    return membership;
  }
  function compareCreation(a: number, b: number): number {
    return membershipOf(a).createdAtMs - membershipOf(b).createdAtMs || a - b;
  }
  const byCreation = createOrderedSlots(compareCreation);

  function organizationOf({ organizationId }: StoredMembership): StoredOrganization {
    const stored = byId.get(organizationId);
    if (stored === undefined) throw new Error(`there is no organization ${organizationId}`);
    return stored;
  }

  return {
    find: (id) => byId.get(id),
    findBySlug: (slug) => byId.get(idBySlug.get(slug) ?? ""),
    all: () => [...byId.values()],
    add(stored) {
      if (usedIds.has(stored.id)) throw new Error(`the id ${stored.id} was used before`);
      usedIds.add(stored.id);
      byId.set(stored.id, stored);
      idBySlug.set(stored.organization.slug, stored.id);
    },
    reslug(stored, slug) {
      idBySlug.delete(stored.organization.slug);
      idBySlug.set(slug, stored.id);
    },
    remove(stored) {
      byId.delete(stored.id);
      idBySlug.delete(stored.organization.slug);
    },
    memberships: byCreation,
    membershipOf,
    slotsOfUser: (userId) => [...(slotsByUser.get(userId) ?? [])],
    addMembership(membership) {
      const slot = memberships.push(membership) - 1;
      const { members, slotByUser } = organizationOf(membership);
      byCreation.insert(slot);
      members.insert(slot);
      slotByUser.set(membership.userId, slot);
      const own = slotsByUser.get(membership.userId);
      if (own) own.push(slot);
      else slotsByUser.set(membership.userId, [slot]);
      return slot;
    },
    removeMembership(slot) {
      const membership = membershipOf(slot);
      const { members, slotByUser } = organizationOf(membership);
      byCreation.remove(slot);
      members.remove(slot);
      slotByUser.delete(membership.userId);
      const rest = slotsByUser.get(membership.userId)?.filter((other) => other !== slot) ?? [];
      if (rest.length > 0) slotsByUser.set(membership.userId, rest);
      else slotsByUser.delete(membership.userId);
      memberships[slot] = undefined;
    },
    compareCreation,
    newMembers: () => createOrderedSlots(compareCreation),
    copy,
  };

  function copy(): OrganizationStore {
    const copied = createOrganizationStore();
    for (const stored of byId.values())
      copied.add({ ...stored, members: copied.newMembers(), slotByUser: new Map() });
    // Slots of the copy are numbers of its own.
    for (const slot of byCreation.range(0, byCreation.size()))
      copied.addMembership({ ...membershipOf(slot) });
    return copied;
  }
}
