import { expect, test } from "vitest";
import { wrapPostgresError } from "./errors.ts";

const refusal = {
  code: "23514",
  table: "users",
  constraint: "app_rule",
  detail: "Failing row contains (ana@example.com).",
};

test("a refusal names the table and the constraint, and nothing of the row", () => {
  const wrapped = wrapPostgresError(Object.assign(new Error("ana@example.com"), refusal));
  expect(wrapped).toMatchObject({
    code: "user.rejected",
    message: "Postgres refused the row of users: app_rule (23514)",
  });
});

test("a refusal is read also where another error is around it, and where it names nothing", () => {
  const cause = Object.assign(new Error("inner"), refusal);
  expect(wrapPostgresError(new Error("outer", { cause })).message).toContain("app_rule");
  const bare = Object.assign(new Error("ana@example.com"), { code: "P0001" });
  expect(wrapPostgresError(bare).message).toBe("Postgres refused the row (P0001)");
});

test.each([
  ["42501", "Postgres lacks a schema, table, column or grant, and `rollcall doctor` says which (42501)"],
  ["42P01", "Postgres lacks a schema, table, column or grant, and `rollcall doctor` says which (42P01)"],
  ["28P01", "Postgres refuses the user or the password in DATABASE_URL (28P01)"],
  ["53300", "Postgres did not do its work (53300)"],
])("an outage %s says what to mend, where that is known", (code, message) => {
  const wrapped = wrapPostgresError(Object.assign(new Error("users"), { code }));
  expect(wrapped).toMatchObject({ code: "postgres.unavailable", message });
});
