import { defaultMapping } from "@rollcall/contracts";
import { expect, test } from "vitest";
import { createTables } from "../tables.ts";
import { nameObject } from "./declared-table.ts";
import { declareTables } from "./declared-tables.ts";

const longest = `${"é".repeat(31)}x`;

test("a name of an object fits Postgres, however long its parts are", () => {
  for (const table of ["t", longest, "x".repeat(63)]) {
    for (const suffix of ["s", "x".repeat(55), "x".repeat(56), "x".repeat(63), `${longest}_unique`]) {
      const name = nameObject(table, suffix);
      expect(Buffer.byteLength(name)).toBeLessThanOrEqual(63);
      expect(name).toMatch(/^.+_.+$/u);
    }
  }
  expect(nameObject("users", "clerk_id_unique")).toBe("users_clerk_id_unique");
});

test("tables whose columns have names of the greatest length are declared", () => {
  const columns = { clerkId: longest };
  const users = { ...defaultMapping.users, table: longest, columns };
  const [declared] = declareTables({ tables: createTables({ users, profile: null }) });
  const key = declared?.columns.find(({ name }) => name === longest)?.uniqueKey ?? "";
  expect(Buffer.byteLength(key)).toBeLessThanOrEqual(63);
});
