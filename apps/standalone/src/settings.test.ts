import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { readNamedEnvironment, readSettings } from "./settings.ts";

const folder = mkdtempSync(join(tmpdir(), "rollcall-env-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("the environment wins over the file, also with an empty value", () => {
  const file = join(folder, ".env");
  writeFileSync(file, 'PORT=4000\nHOST="0.0.0.0" # everywhere\nDATABASE_URL=postgres://file\n');
  expect(readNamedEnvironment(file, { PORT: "5000", DATABASE_URL: "" })).toMatchObject({
    PORT: "5000",
    HOST: "0.0.0.0",
    DATABASE_URL: "",
  });
});

test("an operator may not have the name of the account that npm start makes", () => {
  const hash = `scrypt.32768.8.1.${"a".repeat(22)}.${"b".repeat(43)}`;
  expect(() => readSettings({ ADMIN_OPERATORS: `admin:viewer:${hash}` })).toThrow(
    "the name of ADMIN_USERNAME",
  );
  expect(readSettings({ ADMIN_OPERATORS: `ana:viewer:${hash}` }).admin).toEqual({
    username: "admin",
    password: undefined,
  });
});

test("a malformed origin of an app is named, with the simulator too", () => {
  expect(() => readSettings({ CLERK_AUTHORIZED_PARTIES: "http://localhost:5173/" })).toThrow(
    "CLERK_AUTHORIZED_PARTIES",
  );
  const CLERK_AUTHORIZED_PARTIES = "http://localhost:5173,http://127.0.0.1:5173";
  expect(readSettings({ CLERK_AUTHORIZED_PARTIES }).appOrigins).toEqual(CLERK_AUTHORIZED_PARTIES.split(","));
});

test("a database of the operator's own beside the simulator brings a remark that people become rows there", () => {
  const remarksOf = (environment: Record<string, string>) => readSettings(environment).remarks.join(" ");
  const DATABASE_URL = "postgres://localhost/app";
  expect(remarksOf({ DATABASE_URL })).toContain("None are invented there");
  expect(remarksOf({})).toBe("");
});

test("a missing file is allowed, and an unreadable file is named", () => {
  expect(readNamedEnvironment(join(folder, "none"), { PORT: "1" })).toEqual({ PORT: "1" });
  expect(() => readNamedEnvironment(folder, {})).toThrow(`${folder} cannot be read`);
});
