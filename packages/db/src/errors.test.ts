import { expect, test } from "vitest";
import { readRefusal, toPostgresError } from "./errors.ts";

const refusal = {
  code: "23514",
  table: "users",
  constraint: "app_rule",
  detail: "Failing row contains (ana@example.com).",
};

test("a refusal names the table and the constraint, and no value of the row", () => {
  const wrapped = toPostgresError(Object.assign(new Error("ana@example.com"), refusal));
  expect(wrapped).toMatchObject({
    code: "user.rejected",
    message: "Postgres refused the row of users: app_rule (23514)",
  });
});

test("what a dead letter keeps of a refusal has the form of names of a schema", () => {
  const read = (fields: object) => readRefusal(toPostgresError(Object.assign(new Error(), refusal, fields)));
  expect(read({})).toEqual({ sqlState: "23514", table: "users", constraint: "app_rule" });
  expect(read({ constraint: "ana@example.com" })).toMatchObject({ table: "users", constraint: null });
  expect(read({ table: "Ana Lima", constraint: "restrição_1" })).toMatchObject({
    table: null,
    constraint: "restrição_1",
  });
  expect(read({ code: "42501" })).toBeUndefined();
  expect(readRefusal(new Error("23514"))).toBeUndefined();
});

test("a refusal without a table has only its SQLSTATE", () => {
  const bare = Object.assign(new Error("ana@example.com"), { code: "P0001" });
  expect(toPostgresError(bare).message).toBe("Postgres refused the row (P0001)");
});

test.each([
  ["42501", "Postgres lacks a schema, table, column or grant, and `rollcall doctor` says which (42501)"],
  ["42P01", "Postgres lacks a schema, table, column or grant, and `rollcall doctor` says which (42P01)"],
  ["28P01", "Postgres refuses the user or the password in DATABASE_URL (28P01)"],
  ["53300", "Postgres did not do its work (53300)"],
])("an outage %s names the fix if it is known", (code, message) => {
  const wrapped = toPostgresError(Object.assign(new Error("users"), { code }));
  expect(wrapped).toMatchObject({ code: "postgres.unavailable", message });
});
