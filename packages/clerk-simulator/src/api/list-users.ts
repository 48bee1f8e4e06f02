import { addressesOf, type ClerkUser } from "../users/clerk-user.ts";
import type { OrderedSlots } from "../users/ordered-slots.ts";
import type { UserStore } from "../users/user-store.ts";
import { invalidParameter } from "./api-error.ts";
import type { OrderField, PartialFilter, UserQuery } from "./user-query.ts";

/** The slots on the requested page. Throws a 422 when the cursor names no existing user. */
export function listUsers(store: UserStore, query: UserQuery): number[] {
  const cursor = query.startingAfter === null ? null : cursorSlot(store, query.startingAfter);
  const index = indexFor(store, query.orderBy.field);
  if (index !== null && !isFiltered(query)) return pageOfIndex(store, index, query, cursor);
  const matching = matchingSlots(store, query);
  const sorted = isLookup(query) || index === null ? sortSlots(store, matching, query) : matching;
  const sign = query.orderBy.descending ? -1 : 1;
  const rest =
    cursor === null ? sorted : sorted.filter((slot) => sign * store.compareCreation(slot, cursor) > 0);
  return rest.slice(query.offset, query.offset + query.limit);
}

/** The number of users that match the filters of a query; paging is ignored. */
export function countUsers(store: UserStore, query: UserQuery): number {
  return isFiltered(query) ? matchingSlots(store, query).length : store.byCreation.size();
}

/** Whether the user in a slot matches the filters of a query. */
export function matchUsers(store: UserStore, query: UserQuery): (slot: number) => boolean {
  const matching = new Set(matchingSlots(store, query));
  return (slot) => matching.has(slot);
}

function cursorSlot(store: UserStore, id: string): number {
  const slot = store.slotOf(id);
  if (slot === null)
    throw invalidParameter("starting_after", `starting_after: no user was found with id ${id}`);
  return slot;
}

function pageOfIndex(
  store: UserStore,
  index: OrderedSlots,
  query: UserQuery,
  cursor: number | null,
): number[] {
  const { offset, limit, orderBy } = query;
  const size = index.size();
  if (orderBy.descending) {
    const end = cursor === null ? size - offset : rankOf(store, cursor);
    return index.range(Math.max(0, end - limit), Math.max(0, end)).reverse();
  }
  const start = cursor === null ? offset : rankOf(store, cursor) + 1;
  return index.range(start, start + limit);
}

function rankOf(store: UserStore, slot: number): number {
  return store.byCreation.countWhile((other) => store.compareCreation(other, slot) < 0);
}

function indexFor(store: UserStore, field: OrderField): OrderedSlots | null {
  if (field === "created_at") return store.byCreation;
  return field === "updated_at" ? store.byUpdate : null;
}

function isFiltered(query: UserQuery): boolean {
  const { userIds, excludedUserIds, emails, exact, partial, times, banned } = query;
  const filters = [excludedUserIds, exact, partial, times];
  return (
    userIds !== null || emails !== null || banned !== null || filters.some((filter) => filter.length > 0)
  );
}

function matchingSlots(store: UserStore, query: UserQuery): number[] {
  const excluded = new Set(query.excludedUserIds.map((id) => store.slotOf(id)));
  const needsUser = query.exact.length + query.partial.length > 0 || query.banned !== null;
  const needsTimes = query.times.some((time) => time.field !== "created_at");
  return candidates(store, query).filter((slot) => {
    if (excluded.has(slot)) return false;
    if (!query.times.every((time) => time.field !== "created_at" || passes(store.createdAtOf(slot), time)))
      return false;
    if (!needsUser && !needsTimes) return true;
    const user = store.userOf(slot);
    return matchesUser(user, query) && query.times.every((time) => passes(user[time.field], time));
  });
}

function isLookup(query: UserQuery): boolean {
  return query.userIds !== null || query.emails !== null;
}

/** Ids and addresses are found directly. Without them, all users are returned in the requested order. */
function candidates(store: UserStore, query: UserQuery): number[] {
  const byId = query.userIds?.map((id) => store.slotOf(id)).filter((slot) => slot !== null);
  const byEmail = query.emails?.flatMap((address) => store.slotsWithEmail(address));
  if (byId !== undefined && byEmail !== undefined)
    return unique(byId.filter((slot) => byEmail.includes(slot)));
  if (byId !== undefined || byEmail !== undefined) return unique(byId ?? byEmail ?? []);
  const all = (indexFor(store, query.orderBy.field) ?? store.byCreation).range(0, Number.POSITIVE_INFINITY);
  return query.orderBy.descending ? all.reverse() : all;
}

function unique(slots: number[]): number[] {
  return [...new Set(slots)];
}

function passes(timeMs: number | null, { side, atMs }: UserQuery["times"][number]): boolean {
  if (timeMs === null) return false;
  return side === "before" ? timeMs < atMs : timeMs > atMs;
}

function matchesUser(user: ClerkUser, query: UserQuery): boolean {
  if (query.banned !== null && user.banned !== query.banned) return false;
  const exact = query.exact.every(({ name, values }) => {
    if (name === "phone_number")
      return user.phone_numbers.some((phone) => values.includes(phone.phone_number));
    return values.includes(user[name] ?? "");
  });
  return (
    exact && query.partial.every(({ name, text }) => textsOf(user, name).some((own) => own.includes(text)))
  );
}

function textsOf(user: ClerkUser, name: PartialFilter): string[] {
  const emails = addressesOf(user).map((email) => email.email_address);
  const names = [user.first_name, user.last_name, `${user.first_name ?? ""} ${user.last_name ?? ""}`.trim()];
  const texts = {
    query: [
      ...emails,
      ...names,
      user.username,
      user.id,
      ...user.phone_numbers.map((phone) => phone.phone_number),
    ],
    email_address_query: emails,
    username_query: [user.username],
    name_query: names,
  }[name];
  return texts.map((own) => (own ?? "").toLowerCase());
}

function sortSlots(store: UserStore, slots: number[], query: UserQuery): number[] {
  const { field, descending } = query.orderBy;
  const sign = descending ? -1 : 1;
  const keyed = slots.map((slot) => ({ slot, id: store.ids.idOf(slot), key: sortKey(store, slot, field) }));
  return keyed
    .sort((a, b) => sign * (compareKeys(a.key, b.key) || compareKeys(a.id, b.id)))
    .map(({ slot }) => slot);
}

function sortKey(store: UserStore, slot: number, field: OrderField): string | number {
  if (field === "created_at") return store.createdAtOf(slot);
  if (field === "updated_at") return store.updatedAtOf(slot);
  const user = store.userOf(slot);
  if (field === "email_address") return addressesOf(user)[0]?.email_address ?? "";
  if (field === "phone_number") return user.phone_numbers[0]?.phone_number ?? "";
  if (field === "web3wallet") return user.web3_wallets[0]?.web3_wallet ?? "";
  if (field === "last_active_at" || field === "last_sign_in_at") return user[field] ?? 0;
  return user[field] ?? "";
}

function compareKeys(a: string | number, b: string | number): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
