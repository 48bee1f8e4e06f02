import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { foldedEmailSql, nearEmailSql, trimText } from "./email.ts";
import type { Pool } from "./pool.ts";
import { createTestPool } from "./testing.ts";

let pool: Pool;
beforeAll(async () => {
  pool = await createTestPool();
});
afterAll(() => pool.end());

async function compare(form: "fold_email" | "near_email", emails: readonly string[]): Promise<string[]> {
  const { rows } = await pool.query(
    `select rollcall.${form}(e) as email from unnest($1::text[]) with ordinality as t (e, n) order by n`,
    [emails],
  );
  return rows.map((row) => row["email"]);
}

const asciiLower = (text: string) => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

test("migration and schema have the same bodies", async () => {
  const { rows } = await pool.query(
    "select proname, prosrc from pg_proc where proname in ('fold_email', 'near_email') order by proname",
  );
  expect(rows.map(({ prosrc }) => prosrc.trim())).toEqual([
    `select ${foldedEmailSql("email")}`,
    `select ${nearEmailSql("email")}`,
  ]);
});

test("Postgres and TypeScript trim the same characters, out of all of the basic plane", async () => {
  const codes = Array.from({ length: 0xffff }, (_, index) => index + 1).filter(
    (code) => code < 0xd800 || code > 0xdfff,
  );
  const texts = codes.map((code) => `${String.fromCharCode(code)}ada@x${String.fromCharCode(code)}`);
  expect(await compare("fold_email", texts)).toEqual(texts.map((text) => asciiLower(trimText(text))));
  const trimmed = codes.filter((code) => trimText(String.fromCharCode(code)) === "");
  const spaces = codes.filter((code) => /^\p{White_Space}$/u.test(String.fromCharCode(code)));
  expect(trimmed).toEqual(expect.arrayContaining([...spaces, 0x200b, 0x200c, 0x200d, 0x2060, 0xfeff]));
});

const anyText = fc
  .string({ unit: "binary", maxLength: 40 })
  .map((text) => text.replaceAll("\0", "").toWellFormed());
const surrounding = fc.string({ unit: fc.constantFrom(" ", "\u00a0", "\u200b", "\ufeff", "\t", "\u3000") });

describe("for any texts", () => {
  test("folding is what TypeScript computes, and does not depend on surroundings or ASCII case", async () => {
    const property = fc.asyncProperty(anyText, surrounding, surrounding, async (text, before, after) => {
      const upper = text.replace(/[a-z]/g, (letter) => letter.toUpperCase());
      const [folded, other] = await compare("fold_email", [text, before + upper + after]);
      expect(folded).toBe(asciiLower(trimText(text)));
      expect(other).toBe(folded);
    });
    await fc.assert(property, { numRuns: 200 });
  });

  test("the same emails are near, and composition and case do not change the near form", async () => {
    const property = fc.asyncProperty(anyText, async (text) => {
      const [near, folded, decomposed] = await compare("near_email", [
        text,
        asciiLower(trimText(text)),
        trimText(text).normalize("NFD"),
      ]);
      expect(folded).toBe(near);
      expect(decomposed).toBe(near);
    });
    await fc.assert(property, { numRuns: 200 });
  });
});

test.each([
  ["jos\u00e9@example.com", "jose\u0301@example.com"],
  ["JOS\u00c9@example.com", "jos\u00e9@example.com"],
  ["\u0418\u0412\u0410\u041d@example.com", "\u0438\u0432\u0430\u043d@example.com"],
  ["\u212aelvin@example.com", "kelvin@example.com"],
])("%s and %s are near and not the same", async (one, other) => {
  const [first, second] = await compare("fold_email", [one, other]);
  expect(first).not.toBe(second);
  const [near, alsoNear] = await compare("near_email", [one, other]);
  expect(near).toBe(alsoNear);
});

test.each([
  ["jos\u00e9@example.com", "jose@example.com"],
  ["ana@example.com", "ana@example.org"],
  ["a na@example.com", "ana@example.com"],
])("%s and %s are not near", async (one, other) => {
  const [near, alsoNear] = await compare("near_email", [one, other]);
  expect(near).not.toBe(alsoNear);
});
