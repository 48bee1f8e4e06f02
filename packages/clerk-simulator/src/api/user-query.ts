import { invalidParameter } from "./api-error.ts";

export type UserQuery = {
  limit: number;
  offset: number;
  orderBy: { field: OrderField; descending: boolean };
  startingAfter: string | null;
  /** Null: no filter. Ids of unknown users are ignored. */
  userIds: string[] | null;
  excludedUserIds: string[];
  emails: string[] | null;
  /** Filters on exact values: parameter name and accepted values. */
  exact: { name: ExactFilter; values: string[] }[];
  /** Partial, case-insensitive matches. */
  partial: { name: PartialFilter; text: string }[];
  times: { field: TimeField; side: "before" | "after"; atMs: number }[];
  banned: boolean | null;
};

export type OrderField = (typeof orderFields)[number];
type ExactFilter = (typeof exactFilters)[number];
export type PartialFilter = (typeof partialFilters)[number];
type TimeField = (typeof timeFields)[number];

const orderFields = [
  "created_at",
  "updated_at",
  "email_address",
  "web3wallet",
  "first_name",
  "last_name",
  "phone_number",
  "username",
  "last_active_at",
  "last_sign_in_at",
] as const;
const exactFilters = ["username", "external_id", "phone_number"] as const;
const partialFilters = ["query", "email_address_query", "username_query", "name_query"] as const;
const timeFields = ["created_at", "last_active_at", "last_sign_in_at"] as const;

const paging = ["limit", "offset", "order_by", "starting_after"];
const lists = ["user_id", "email_address", ...exactFilters];
const known = new Set([
  ...paging,
  ...lists.flatMap((name) => [name, `${name}[]`]),
  ...partialFilters,
  ...timeFields.flatMap((field) => [`${field}_before`, `${field}_after`]),
  "banned",
]);

const maxListed = 100;
const maxLimit = 500;
const defaultLimit = 10;

/**
 * Reads the query of `GET /v1/users`. Source: Clerk's Backend API description of 2026-05-12, except for
 * `starting_after`, which that description does not name. Throws a 422 for a query that Clerk refuses.
 */
export function readUserQuery(params: URLSearchParams): UserQuery {
  for (const name of params.keys()) {
    if (!known.has(name))
      throw invalidParameter(name, `${name} is not a valid parameter`, "form_param_unknown");
  }
  const userIds = readList(params, "user_id");
  const orderBy = readOrder(params.get("order_by"));
  const query: UserQuery = {
    limit: readLimit(params),
    offset: readInteger(params, "offset", 0) ?? 0,
    orderBy,
    startingAfter: params.get("starting_after"),
    userIds: userIds?.filter((id) => !id.startsWith("-")).map((id) => id.replace(/^[+ ]/, "")) ?? null,
    excludedUserIds: userIds?.filter((id) => id.startsWith("-")).map((id) => id.slice(1)) ?? [],
    emails: readList(params, "email_address")?.map((address) => address.toLowerCase()) ?? null,
    exact: exactFilters.flatMap((name) => asFilter(name, readList(params, name))),
    partial: partialFilters.flatMap((name) => readPartial(params, name)),
    times: timeFields.flatMap((field) =>
      [readTime(params, field, "before"), readTime(params, field, "after")].flat(),
    ),
    banned: readBoolean(params, "banned"),
  };
  if (query.userIds?.length === 0) query.userIds = null;
  checkCursor(query, params.has("offset"));
  return query;
}

function checkCursor({ startingAfter, orderBy }: UserQuery, hasOffset: boolean): void {
  if (startingAfter === null) return;
  if (hasOffset) throw invalidParameter("starting_after", "starting_after cannot be used with offset");
  if (orderBy.field !== "created_at") {
    throw invalidParameter("starting_after", "starting_after can only be used when ordering by created_at");
  }
}

function readOrder(text: string | null): UserQuery["orderBy"] {
  if (text === null) return { field: "created_at", descending: true };
  // An unescaped + arrives as a space.
  const name = text.replace(/^[+\- ]/, "");
  const field = orderFields.find((candidate) => candidate === name);
  if (field === undefined) {
    throw invalidParameter("order_by", `${text} is not a valid order`, "form_param_value_invalid");
  }
  return { field, descending: text.startsWith("-") };
}

export function readLimit(params: URLSearchParams): number {
  const limit = readInteger(params, "limit", 1) ?? defaultLimit;
  // Measured: Clerk does not refuse a limit that is too large. It answers with the default page size.
  return limit > maxLimit ? defaultLimit : limit;
}

export function readInteger(params: URLSearchParams, name: string, minimum: number): number | null {
  const text = params.get(name);
  if (text === null) return null;
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < minimum) {
    throw invalidParameter(name, `${name} must be an integer of at least ${minimum}`);
  }
  return value;
}

function readBoolean(params: URLSearchParams, name: string): boolean | null {
  const text = params.get(name);
  if (text === null) return null;
  if (text !== "true" && text !== "false") throw invalidParameter(name, `${name} must be true or false`);
  return text === "true";
}

export function readList(params: URLSearchParams, name: string): string[] | null {
  const values = [...params.getAll(name), ...params.getAll(`${name}[]`)];
  if (values.length > maxListed) {
    throw invalidParameter(
      name,
      `${name} takes at most ${maxListed} values`,
      "form_param_exceeds_allowed_size",
    );
  }
  return values.length === 0 ? null : values;
}

function readPartial(params: URLSearchParams, name: PartialFilter): UserQuery["partial"] {
  const text = params.get(name);
  return text === null || text === "" ? [] : [{ name, text: text.toLowerCase() }];
}

function readTime(params: URLSearchParams, field: TimeField, side: "before" | "after"): UserQuery["times"] {
  const atMs = readInteger(params, `${field}_${side}`, 0);
  return atMs === null ? [] : [{ field, side, atMs }];
}

function asFilter(name: ExactFilter, values: string[] | null): UserQuery["exact"] {
  return values === null ? [] : [{ name, values }];
}
