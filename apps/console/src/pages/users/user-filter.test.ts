import { expect, test } from "vitest";
import { listFilterColumns, readFilter, toBulkFilter, toQuery } from "./user-filter.ts";

test("the search text never comes from an address", () => {
  expect(readFilter({ query: "ana@example.com", tier: "FREE" })).toEqual({ tier: "FREE" });
});

test("an email is no filter, whatever its column", () => {
  expect(readFilter({ turma: "ana@example.com", state: "live" })).toEqual({ state: "live" });
});

test("values that no filter takes are left out", () => {
  expect(
    readFilter({ state: "away", signedUpFrom: "soon", drifted: "no", withoutProfile: true, tier: " PRO " }),
  ).toEqual({ withoutProfile: "true", tier: "PRO" });
});

test("a number in an address is the text of a column's value", () => {
  expect(readFilter({ meta_leads: 50, ativo: "sim" })).toEqual({ meta_leads: "50", ativo: "sim" });
});

test("list, export and bulk change mean the same users", () => {
  const filter = { state: "live", tier: "FREE", turma: "neon", drifted: "true", signedUpTo: "2026-03-31" };
  const end = new Date(2026, 3, 1).toISOString();
  expect(Object.fromEntries(toQuery(filter, "ana"))).toEqual({ ...filter, signedUpTo: end, query: "ana" });
  expect(toBulkFilter(filter, "ana")).toEqual({
    ...filter,
    drifted: true,
    signedUpTo: end,
    query: "ana",
  });
});

test("the last day of a range is included", () => {
  const { signedUpFrom, signedUpTo } = toBulkFilter(
    { signedUpFrom: "2026-02-28", signedUpTo: "2026-02-28" },
    "",
  );
  expect(Date.parse(signedUpTo ?? "") - Date.parse(signedUpFrom ?? "")).toBe(24 * 60 * 60 * 1000);
});

test("a column is offered when it can be filtered, is not personal, and has no filter of its own", () => {
  const column = (key: string, filterable: boolean, personal = false) => ({
    ...{ key, filterable, personal },
    kind: "text" as const,
  });
  const columns = {
    users: [column("tier", true), column("email", true, true), column("image_url", false)],
    profile: { name: "mentorado", columns: [column("turma", true), column("tier", true)] },
  };
  expect(listFilterColumns(columns).map(({ key }) => key)).toEqual(["tier", "turma"]);
});
