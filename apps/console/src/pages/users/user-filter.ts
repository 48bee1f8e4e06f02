import type { ColumnsAnswer, ColumnView, ProfileShape, UserFilter } from "@rollcall/contracts";

/**
 * The filters of the list, by their names in `GET users`, as they stand in the page's address. Dates are days of the
 * operator's calendar. The search text is not among them: it is personal data, and stays out of every address.
 */
export type FilterValues = Readonly<Record<string, string>>;

/** The filters that are no column. */
const ownFilters = ["state", "signedUpFrom", "signedUpTo", "withoutProfile", "drifted"] as const;

const states = ["live", "banned", "deleted"];
const day = /^\d{4}-\d{2}-\d{2}$/;

/** The columns that can be filtered, those of the users' table first. A name that both tables have is offered once. */
export function listFilterColumns(columns: ColumnsAnswer): ColumnView[] {
  const all = [...columns.users, ...(columns.profile?.columns ?? [])].filter(
    ({ filterable, personal, key }) => filterable && !personal && !isOwnFilter(key),
  );
  return all.filter((column, index) => all.findIndex(({ key }) => key === column.key) === index);
}

/** The profile's columns that public metadata fills, such as turma. Most questions are about them. */
export function listMetadataColumns(shape: ProfileShape | null): string[] {
  return (shape?.columns ?? []).flatMap(({ column, from }) => (from === "metadata" ? [column] : []));
}

/** Reads the filters of an address. What is no filter, or holds an address of mail, is left out. */
export function readFilter(search: Readonly<Record<string, unknown>>): FilterValues {
  const kept = Object.entries(search).flatMap(([key, value]): [string, string][] => {
    if (key === "query" || key === "cursor" || key === "limit") return [];
    const text = typeof value === "string" ? value.trim() : isScalar(value) ? String(value) : "";
    return text !== "" && isFilterValue(key, text) ? [[key, text]] : [];
  });
  return Object.fromEntries(kept);
}

function isFilterValue(key: string, text: string): boolean {
  switch (key) {
    case "state":
      return states.includes(text);
    case "signedUpFrom":
    case "signedUpTo":
      return day.test(text) && !Number.isNaN(Date.parse(text));
    case "withoutProfile":
    case "drifted":
      return text === "true";
    default:
      return isColumnValue(text);
  }
}

/** Whether a text may stand in an address: emails are searched for, and never filtered by. */
export function isColumnValue(text: string): boolean {
  return !text.includes("@") && text.length <= 200;
}

/** The query string of `GET users` and of the export. */
export function toQuery(filter: FilterValues, searchText: string): URLSearchParams {
  const query = new URLSearchParams(Object.entries(toInstants(filter)));
  if (searchText !== "") query.set("query", searchText);
  return query;
}

/** The filter of `POST users/bulk`, which means the same users as the list. */
export function toBulkFilter(filter: FilterValues, searchText: string): UserFilter {
  const { state, withoutProfile, drifted, ...rest } = toInstants(filter);
  return {
    ...rest,
    ...(isState(state) ? { state } : {}),
    ...(withoutProfile === undefined ? {} : { withoutProfile: true }),
    ...(drifted === undefined ? {} : { drifted: true }),
    ...(searchText === "" ? {} : { query: searchText }),
  };
}

/** Days become instants: a user that signed up on the last day is meant too. */
function toInstants({ signedUpFrom, signedUpTo, ...rest }: FilterValues): Record<string, string> {
  return {
    ...rest,
    ...(signedUpFrom === undefined ? {} : { signedUpFrom: startOfDay(signedUpFrom, 0) }),
    ...(signedUpTo === undefined ? {} : { signedUpTo: startOfDay(signedUpTo, 1) }),
  };
}

function startOfDay(isoDay: string, daysLater: number): string {
  const [year = 0, month = 1, date = 1] = isoDay.split("-").map(Number);
  return new Date(year, month - 1, date + daysLater).toISOString();
}

function isState(state: string | undefined): state is "live" | "banned" | "deleted" {
  return state !== undefined && states.includes(state);
}

function isOwnFilter(key: string): boolean {
  return ownFilters.some((own) => own === key);
}

function isScalar(value: unknown): boolean {
  return typeof value === "number" || typeof value === "boolean";
}
