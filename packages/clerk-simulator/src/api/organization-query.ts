import type {
  OrganizationStore,
  StoredMembership,
  StoredOrganization,
} from "../organizations/organization-store.ts";
import type { ClerkUser } from "../users/clerk-user.ts";
import type { UserStore } from "../users/user-store.ts";
import { invalidParameter } from "./api-error.ts";
import { matchUsers } from "./list-users.ts";
import { readInteger, readLimit, readList, readUserQuery } from "./user-query.ts";

/** One page of a list, and the number of entries that match its filters. */
type Page<T> = { entries: T[]; total: number };

type Order<Field extends string> = { field: Field; descending: boolean };

/**
 * The page of `GET /v1/organizations`. Source: Clerk's Backend API description of 2026-05-12. There is no filter or order
 * by time of change, and no cursor. Throws a 422 for a query that Clerk refuses.
 */
export function listOrganizations(
  store: OrganizationStore,
  params: URLSearchParams,
): Page<StoredOrganization> {
  refuseUnknown(params, ["include_members_count", "query", "user_id", "organization_id"]);
  const order = readOrder(params, ["name", "created_at", "members_count"]);
  const text = params.get("query")?.toLowerCase() ?? "";
  const ids = readSigned(params, "organization_id");
  const members = readSigned(params, "user_id");
  const matching = store.all().filter(({ id, organization, slotByUser }) => {
    const texts = [organization.name, organization.slug];
    const hasText = id.toLowerCase() === text || texts.some((own) => own.toLowerCase().includes(text));
    return (
      hasText && passes(ids, (wanted) => wanted === id) && passes(members, (userId) => slotByUser.has(userId))
    );
  });
  return pageOf(
    sortBy(matching, order, (stored) => keyOfOrganization(stored, order.field)),
    params,
  );
}

/** Whether an answer has members_count. */
export function wantsMembersCount(params: URLSearchParams): boolean {
  return params.get("include_members_count") === "true";
}

type OrganizationOrder = "name" | "created_at" | "members_count";

function keyOfOrganization(stored: StoredOrganization, field: OrganizationOrder): string | number {
  if (field === "name") return stored.organization.name;
  return field === "members_count" ? stored.slotByUser.size : stored.createdAtMs;
}

type MembershipOrder = (typeof membershipOrders)[number];
const membershipOrders = [
  "phone_number",
  "email_address",
  "created_at",
  "first_name",
  "last_name",
  "username",
] as const;

/** The page of `GET /v1/organization_memberships`, which has no filter. */
export function listAllMemberships(
  store: OrganizationStore,
  users: UserStore,
  params: URLSearchParams,
): Page<number> {
  refuseUnknown(params, []);
  const order = readOrder(params, membershipOrders);
  const { memberships } = store;
  if (order.field !== "created_at")
    return pageOf(sortMemberships(store, users, memberships.range(0, memberships.size()), order), params);
  const { limit, offset } = readPaging(params);
  const size = memberships.size();
  const entries = order.descending
    ? memberships.range(Math.max(0, size - offset - limit), Math.max(0, size - offset)).reverse()
    : memberships.range(offset, offset + limit);
  return { entries, total: size };
}

const ownParameters = ["order_by", "limit", "offset", "role", "role[]"];

/** The page of `GET /v1/organizations/:id/memberships`. Most filters are about the members, as in the list of users. */
export function listMembers(
  store: OrganizationStore,
  users: UserStore,
  { members }: StoredOrganization,
  params: URLSearchParams,
): Page<number> {
  const order = readOrder(params, membershipOrders);
  const roles = readList(params, "role");
  const filters = new URLSearchParams([...params].filter(([name]) => !ownParameters.includes(name)));
  const isMatch = filters.size === 0 ? () => true : matchUsers(users, readUserQuery(filters));
  const matching = members.range(0, members.size()).filter((slot) => {
    const { role, userId } = store.membershipOf(slot);
    return (roles === null || roles.includes(role)) && isMatch(users.slotOf(userId) ?? -1);
  });
  return pageOf(sortMemberships(store, users, matching, order), params);
}

/** The page of `GET /v1/users/:id/organization_memberships`: no filter and no choice of order. */
export function listOfUser(store: OrganizationStore, userId: string, params: URLSearchParams): Page<number> {
  if (params.has("order_by")) throw invalidParameter("order_by", "order_by is not a valid parameter");
  refuseUnknown(params, []);
  return pageOf(store.slotsOfUser(userId).sort(store.compareCreation).reverse(), params);
}

function sortMemberships(
  store: OrganizationStore,
  users: UserStore,
  slots: number[],
  order: Order<MembershipOrder>,
): number[] {
  if (order.field === "created_at") return order.descending ? slots.reverse() : slots;
  return sortBy(slots, order, (slot) => keyOfUser(users, store.membershipOf(slot), order.field));
}

function keyOfUser(users: UserStore, { userId }: StoredMembership, field: MembershipOrder): string {
  const slot = users.slotOf(userId);
  const user: ClerkUser | null = slot === null ? null : users.userOf(slot);
  if (field === "email_address") return user?.email_addresses[0]?.email_address ?? "";
  if (field === "phone_number") return user?.phone_numbers[0]?.phone_number ?? "";
  return field === "created_at" ? "" : (user?.[field] ?? "");
}

function sortBy<T>(entries: T[], { descending }: Order<string>, keyOf: (entry: T) => string | number): T[] {
  const sign = descending ? -1 : 1;
  const keyed = entries.map((entry, index) => ({ entry, index, key: keyOf(entry) }));
  keyed.sort((a, b) => sign * (a.key < b.key ? -1 : a.key > b.key ? 1 : a.index - b.index));
  return keyed.map(({ entry }) => entry);
}

function pageOf<T>(entries: T[], params: URLSearchParams): Page<T> {
  const { limit, offset } = readPaging(params);
  return { entries: entries.slice(offset, offset + limit), total: entries.length };
}

function readPaging(params: URLSearchParams): { limit: number; offset: number } {
  return { limit: readLimit(params), offset: readInteger(params, "offset", 0) ?? 0 };
}

function readOrder<Field extends string>(params: URLSearchParams, fields: readonly Field[]): Order<Field> {
  const text = params.get("order_by") ?? "-created_at";
  // An unescaped + arrives as a space.
  const field = fields.find((candidate) => candidate === text.replace(/^[+\- ]/, ""));
  if (field === undefined)
    throw invalidParameter("order_by", `${text} is not a valid order`, "form_param_value_invalid");
  return { field, descending: text.startsWith("-") };
}

function refuseUnknown(params: URLSearchParams, own: readonly string[]): void {
  const known = ["limit", "offset", "order_by", ...own];
  for (const name of params.keys()) {
    if (!known.includes(name.replace(/\[\]$/, "")))
      throw invalidParameter(name, `${name} is not a valid parameter`, "form_param_unknown");
  }
}

type Signed = { included: string[]; excluded: string[] };

/** Ids with an optional + or -. Null: no filter. */
function readSigned(params: URLSearchParams, name: string): Signed | null {
  const ids = readList(params, name);
  if (ids === null) return null;
  const excluded = ids.filter((id) => id.startsWith("-")).map((id) => id.slice(1));
  const included = ids.filter((id) => !id.startsWith("-")).map((id) => id.replace(/^[+ ]/, ""));
  return { included, excluded };
}

function passes(filter: Signed | null, has: (id: string) => boolean): boolean {
  if (filter === null) return true;
  if (filter.excluded.some(has)) return false;
  return filter.included.length === 0 || filter.included.some(has);
}
