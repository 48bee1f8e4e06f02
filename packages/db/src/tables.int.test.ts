import { defaultMapping, type Mapping } from "@rollcall/contracts";
import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { z } from "zod";
import type { Pool } from "./pool.ts";
import { quoteName, quoteText } from "./quote-name.ts";
import { createTables } from "./tables.ts";
import { createEmptyPool } from "./testing.ts";

let pool: Pool;
beforeAll(async () => {
  pool = await createEmptyPool();
  return () => pool.end();
});

test("every reserved word of this Postgres is quoted", async () => {
  const { rows } = await pool.query("select word from pg_get_keywords() where catcode in ('R', 'T')");
  const words = z.array(z.object({ word: z.string() })).parse(rows);
  expect(words.length).toBeGreaterThan(90);
  expect(words.filter(({ word }) => quoteName(word) === word)).toEqual([]);
});

test("a name of any form stays one name in Postgres", async () => {
  const name = fc
    .string({ unit: "binary", minLength: 1, maxLength: 15 })
    .filter((text) => !text.includes("\0") && text.isWellFormed());
  const hostile = fc.constantFrom(
    '"',
    '";drop table x;--',
    "a b",
    "User",
    "select",
    "é",
    "'",
    "\\",
    "$1",
    "a.b",
  );
  await fc.assert(
    fc.asyncProperty(fc.oneof(hostile, name), async (text) => {
      const result = await pool.query(`select 1 as ${quoteName(text)}`);
      expect(result.fields.map((field) => field.name)).toEqual([text]);
    }),
    { numRuns: 200 },
  );
});

test("a text of any form stays one literal in Postgres, however a database reads backslashes", async () => {
  const text = fc.string({ unit: "binary" }).filter((one) => !one.includes("\0") && one.isWellFormed());
  const hostile = fc.constantFrom("'", "\\'", "\\", "'; drop table x; --", '"a"."b"', "E'", "$1");
  const connection = await pool.connect();
  try {
    for (const setting of ["on", "off"]) {
      await connection.query(`set standard_conforming_strings = ${setting}`);
      await fc.assert(
        fc.asyncProperty(fc.oneof(hostile, text), async (one) => {
          const { rows } = await connection.query(`select ${quoteText(one)} as value`);
          expect(rows).toEqual([{ value: one }]);
        }),
        { numRuns: 100 },
      );
    }
  } finally {
    connection.release(true);
  }
});

test("the default tables have plain names", () => {
  const { users } = createTables(defaultMapping);
  expect([users.table, users.id, users.clerkId, users.name]).toEqual([
    "public.users",
    "id",
    "clerk_id",
    "name",
  ]);
  expect(users.insertedColumns).not.toContain('"');
});

test("a field that the mapping leaves out is in no part of a statement", () => {
  const mapping: Mapping = {
    users: {
      table: "App.User",
      key: { column: "id", type: "text" },
      state: "added",
      columns: { clerkId: "id", email: "eMail" },
    },
    profile: null,
  };
  const { users, profile } = createTables(mapping);
  expect(profile).toBeUndefined();
  expect(users.table).toBe('"App"."User"');
  expect(users.insertedColumns).toBe('"eMail", email_verified, banned, clerk_created_at, clerk_updated_at');
  expect(users.erasedColumns).toBe('"eMail" = null, email_verified = false');
  expect(users.holdsPersonalData).toBe('(u."eMail" is not null)');
});
