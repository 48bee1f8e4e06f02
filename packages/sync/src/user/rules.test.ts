import { domainToASCII, domainToUnicode } from "node:url";
import type { ClerkUser } from "@rollcall/clerk";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  decideEmail,
  decideIgnoresRole,
  decideIsAdmin,
  decideMetadata,
  decideName,
  decideSimilarEmails,
  decideSnapshot,
} from "./rules.ts";

function user(fields: Partial<ClerkUser> = {}): ClerkUser {
  return { id: "user_1", created_at: 1, updated_at: 2, ...fields };
}

function withEmail(address: string, status: string | null = "verified"): Partial<ClerkUser> {
  const verification = status === null ? null : { status };
  return {
    primary_email_address_id: "idn_1",
    email_addresses: [{ id: "idn_1", email_address: address, verification }],
  };
}

describe("name", () => {
  test.each<[string, Partial<ClerkUser>, string | null]>([
    ["first and last", { first_name: "Ada", last_name: "Lovelace", username: "ada" }, "Ada Lovelace"],
    ["first alone", { first_name: "Ada", last_name: null }, "Ada"],
    ["last alone", { first_name: "  ", last_name: "Lovelace" }, "Lovelace"],
    ["spaces around", { first_name: " Ada ", last_name: " Lovelace " }, "Ada Lovelace"],
    ["username", { username: "ada", ...withEmail("x@example.com") }, "ada"],
    ["the email's local part", withEmail("ada.l@example.com"), "ada.l"],
    ["a local part with an @ in it", withEmail('"a@b"@example.com'), '"a@b"'],
    ["nothing", {}, null],
    [
      "nothing that can be seen",
      { first_name: "\u200b\u00a0", last_name: "\u3164", username: "\u2800\ufeff" },
      null,
    ],
    ["the user name behind a name that shows nothing", { first_name: "\u2060", username: "ada" }, "ada"],
    ["without a BOM and a no-break space around", { first_name: "\ufeffAda\u00a0" }, "Ada"],
    ["an emoji with its joiners", { first_name: "\u{1F469}\u200d\u{1F4BB}" }, "\u{1F469}\u200d\u{1F4BB}"],
    ["an email without a local part", withEmail("@example.com"), null],
    [
      "an email of another id than the primary",
      { ...withEmail("a@b.c"), primary_email_address_id: "idn_2" },
      null,
    ],
  ])("is %s", (_case, fields, expected) => {
    expect(decideName(user(fields))).toBe(expected);
  });
});

describe("email", () => {
  test.each<[string, Partial<ClerkUser>, { email: string | null; verified: boolean }]>([
    ["verified", withEmail("a@b.c"), { email: "a@b.c", verified: true }],
    ["unverified", withEmail("a@b.c", "unverified"), { email: "a@b.c", verified: false }],
    ["expired", withEmail("a@b.c", "expired"), { email: "a@b.c", verified: false }],
    ["without verification", withEmail("a@b.c", null), { email: "a@b.c", verified: false }],
    ["trimmed", withEmail("  a@b.c "), { email: "a@b.c", verified: true }],
    ["absent: no list", {}, { email: null, verified: false }],
    [
      "absent: the primary is not in the list",
      { primary_email_address_id: "idn_9", email_addresses: [] },
      { email: null, verified: false },
    ],
    [
      "absent: no primary, though the list has one",
      { ...withEmail("a@b.c"), primary_email_address_id: null },
      { email: null, verified: false },
    ],
  ])("is %s", (_case, fields, expected) => {
    expect(decideEmail(user(fields))).toEqual(expected);
  });
});

describe("public metadata", () => {
  test.each<[unknown, boolean]>([
    ["admin", true],
    ["Admin", false],
    ["admin ", false],
    [["admin"], false],
    [{ admin: true }, false],
    [true, false],
    [null, false],
    [undefined, false],
  ])("role %j makes an admin: %s", (role, expected) => {
    expect(decideIsAdmin(user({ public_metadata: { role } }))).toBe(expected);
  });

  test.each<[unknown, boolean]>([
    ["ADMIN", true],
    ["admin ", true],
    ["org:admin", true],
    ["\uFF21dmin", true],
    [["admin"], true],
    [{ admin: true }, true],
    [true, true],
    ["admin", false],
    ["student", false],
    ["", false],
    [null, false],
    [undefined, false],
  ])("role %j is ignored in the timeline's sense: %s", (role, expected) => {
    expect(decideIgnoresRole(user({ public_metadata: { role } }))).toBe(expected);
  });

  test.each<[unknown, string | null]>([
    ["neon_2", "neon_2"],
    ["a".repeat(64), "a".repeat(64)],
    ["a".repeat(65), null],
    ["", null],
    ["Neon", null],
    ["neon 2", null],
    ["neon\n", null],
    [7, null],
    [null, null],
  ])("turma %j becomes %j", (turma, expected) => {
    const source = { path: ["turma"], allowed: undefined, default: "neon" };
    expect(decideMetadata(user({ public_metadata: { turma } }), source)).toBe(expected);
  });

  test.each<[Record<string, unknown>, string | number | boolean | null]>([
    [{ plan: { kind: "pro" } }, "pro"],
    [{ plan: { kind: 2 } }, 2],
    [{ plan: { kind: "gold" } }, null],
    [{ plan: { kind: "PRO" } }, null],
    [{ plan: { kind: { toString: "pro" } } }, null],
    [{ plan: ["pro"] }, null],
    [{ plan: null }, null],
    [{}, null],
  ])("only allowed values of %j are taken: %j", (public_metadata, expected) => {
    const source = { path: ["plan", "kind"], allowed: ["free", "pro", "2"], default: undefined };
    expect(decideMetadata(user({ public_metadata }), source)).toBe(expected);
  });

  test.each<[unknown, number | boolean, number | boolean | null]>([
    [3, 1, 3],
    ["3", 1, null],
    [true, false, true],
    ["true", false, null],
    [1, false, null],
  ])("without a list, %j is taken for a column with the default %j: %j", (seats, standard, expected) => {
    const source = { path: ["seats"], allowed: undefined, default: standard };
    expect(decideMetadata(user({ public_metadata: { seats } }), source)).toBe(expected);
  });

  test.each(["constructor", "__proto__", "toString"])(
    "the path %s reads no property that metadata lacks",
    (name) => {
      const source = { path: [name, "name"], allowed: ["Object"], default: undefined };
      expect(decideMetadata(user({ public_metadata: {} }), source)).toBeNull();
    },
  );
});

describe("unreadable fields leave columns as they are", () => {
  test.each<[string, Partial<ClerkUser>, string[]]>([
    ["nothing unreadable, nothing left", { unreadable: [] }, []],
    ["the time of change", { updated_at: null, unreadable: ["updated_at"] }, []],
    ["metadata", { unreadable: ["public_metadata"] }, ["role"]],
    [
      "addresses of a user without a name",
      { unreadable: ["email_addresses"] },
      ["email", "email_verified", "name"],
    ],
    [
      "addresses of a user with a name",
      { first_name: "Ada", unreadable: ["email_addresses"] },
      ["email", "email_verified"],
    ],
    ["an address beside the primary one", { ...withEmail("a@b.c"), unreadable: ["email_addresses"] }, []],
    ["a part of the name", { last_name: "Lovelace", unreadable: ["first_name"] }, ["name"]],
    ["a user name that is not needed", { first_name: "Ada", unreadable: ["username"] }, []],
    [
      "the rest",
      { first_name: "Ada", unreadable: ["image_url", "banned", "created_at"] },
      ["image_url", "banned", "clerk_created_at"],
    ],
  ])("%s", (_case, fields, columns) => {
    const snapshot = decideSnapshot(user(fields), 1, { cause: "webhook", ref: null });
    expect(snapshot.unread).toEqual(columns);
  });
});

describe("other spellings of an address", () => {
  const label = fc.string({ unit: fc.constantFrom(..."abcknxzKZ0179-\u00e9\u212a"), maxLength: 5 });
  const anyDomain = fc.oneof(
    fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join(".")),
    fc.array(label, { minLength: 1, maxLength: 2 }).map((labels) => `xn--${labels.join(".xn--")}`),
    fc.ipV4Extended(),
  );

  test("are the domain in ASCII and in Unicode, for any domain", () => {
    fc.assert(
      fc.property(anyDomain, (domain) => {
        const others = [domainToASCII(domain), domainToUnicode(domain)].filter(
          (other) => other !== "" && other !== domain.toLowerCase(),
        );
        expect(decideSimilarEmails(`ana@${domain}`)).toEqual([...new Set(others)].map((one) => `ana@${one}`));
      }),
      { numRuns: 2_000 },
    );
  });
});

test("every user that the schema allows becomes a snapshot", () => {
  const text = fc.option(fc.string({ unit: "binary" }), { nil: null });
  const anyUser = fc.record({
    first_name: text,
    last_name: text,
    username: text,
    image_url: text,
    primary_email_address_id: fc.constantFrom("idn_1", "idn_2", null),
    email_addresses: fc.option(
      fc.array(
        fc.record({
          id: fc.constantFrom("idn_1", "idn_2"),
          email_address: fc.string({ unit: "binary" }),
          verification: fc.option(fc.record({ status: text }), { nil: null }),
        }),
      ),
      { nil: null },
    ),
    public_metadata: fc.option(fc.dictionary(fc.string(), fc.jsonValue()), { nil: null }),
    banned: fc.option(fc.boolean(), { nil: null }),
  });
  fc.assert(
    fc.property(anyUser, (fields) => {
      const snapshot = decideSnapshot(user(fields), 1, { cause: "webhook", ref: null });
      for (const value of [snapshot.name, snapshot.email, snapshot.imageUrl]) {
        expect(value === null || (value.isWellFormed() && !value.includes("\0") && value.trim() !== "")).toBe(
          true,
        );
      }
      expect(snapshot.emailVerified && snapshot.email === null).toBe(false);
    }),
  );
});
