import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { expect, test } from "vitest";
import { EnvironmentError } from "./environment.ts";
import { defaultMapping, describeMappingFile, parseMapping, resolveOrganizations } from "./mapping.ts";

const schemaFile = fileURLToPath(new URL("../../../ops/rollcall.config.schema.json", import.meta.url));

const parse = (file: unknown) => parseMapping(JSON.stringify(file), "app.json");

/** The lines of a refusal, without the file's name. */
function problemsOf(file: unknown): string[] {
  try {
    parse(file);
  } catch (error) {
    expect(error).toBeInstanceOf(EnvironmentError);
    const lines = error instanceof Error ? error.message.split("\n").slice(1) : [];
    return lines.map((line) => line.replace("  ROLLCALL_CONFIG (app.json): ", ""));
  }
  return [];
}

test("the default mapping is accepted, with and without the schema public", () => {
  expect(parse(defaultMapping)).toEqual(defaultMapping);
  const short = { ...defaultMapping, users: { ...defaultMapping.users, table: "users" } };
  expect(parse({ $schema: "./ops/rollcall.config.schema.json", ...short })).toEqual(short);
});

test("ops/rollcall.config.schema.json is the schema of the file", async () => {
  await expect(`${JSON.stringify(describeMappingFile(), null, 2)}\n`).toMatchFileSnapshot(schemaFile);
});

test("a file that is no JSON is refused without its text", () => {
  expect(() => parseMapping('{"password": hunter2', "app.json")).toThrow(
    "ROLLCALL_CONFIG (app.json): is not JSON",
  );
});

test("every problem of a file is reported at once", () => {
  const users = {
    table: "a.b.c",
    key: { column: "", type: "serial" },
    columns: { email: 4, phone: "phone" },
  };
  const profile = {
    name: "User",
    table: "profiles",
    link: "user_id",
    key: { column: "id", type: "uuid" },
    columns: { bio: { from: "unsafeMetadata.bio" }, plan: { from: "publicMetadata" }, city: {} },
  };
  expect(problemsOf({ users, profile, tenants: [] }).sort()).toMatchInlineSnapshot(`
    [
      "profile.columns.bio.from must not be unsafeMetadata, because users write it themselves",
      "profile.columns.city must be { "from": …, "allowed"?: […], "default"?: … } or { "value": … }",
      "profile.columns.plan.from must be name, email, imageUrl or publicMetadata.<path>",
      "profile.name must be a singular noun of a-z, 0-9 and _, like mentorado",
      "tenants is not known",
      "users.columns.clerkId is wrong: Invalid input: expected string, received undefined",
      "users.columns.email is wrong: Invalid input: expected string, received number",
      "users.columns.phone is not known",
      "users.key.column must not be empty",
      "users.key.type is wrong: Invalid option: expected one of "integer"|"bigint"|"uuid"|"text"",
      "users.table must be a table or schema.table, each name 1 to 63 bytes long, without control and invisible characters",
    ]
  `);
});

test("a name that cannot be printed is refused, because printed statements would hold another one", () => {
  const users = {
    table: "us\ners",
    key: { column: "i\u200bd", type: "integer" },
    columns: { clerkId: "clerk\u2028id", email: "e\ud800" },
  };
  const columns = { "a\tb": { value: 1 } };
  expect(problemsOf({ users, profile: { ...profile, link: "user\u202eid", columns } })).toEqual([
    "users.table must be a table or schema.table, each name 1 to 63 bytes long, without control and invisible characters",
    "users.key.column must hold no control character and no invisible one",
    "users.columns.clerkId must hold no control character and no invisible one",
    "users.columns.email must hold no control character and no invisible one",
    "profile.link must hold no control character and no invisible one",
    expect.stringContaining("profile.columns"),
  ]);
});

test("fields that contradict each other are refused", () => {
  const users = {
    table: "users",
    key: { column: "id", type: "integer" },
    columns: { clerkId: "id", email: "mail", name: "mail" },
  };
  const profile = {
    name: "member",
    table: "public.users",
    link: "id",
    key: { column: "id", type: "integer" },
    columns: { id: { value: 1 } },
  };
  expect(problemsOf({ users, profile })).toEqual(
    expect.arrayContaining([
      "users.key.type must be text, because the key column is the Clerk id",
      "users.columns.name must not name the column mail of users.columns.email again",
      "profile.table must be another table than users.table",
      "profile.columns.id is the key, the link or updatedAt already",
      "profile.link must be another column than the key",
    ]),
  );
});

test("no field may name a column that Rollcall adds", () => {
  const columns = { clerkId: "clerk_id", name: "role", email: "read_ticket", imageUrl: "name" };
  const users = { table: "users", key: { column: "banned", type: "uuid" }, columns };
  expect(problemsOf({ users, profile: null })).toEqual([
    "users.key.column must not name the column banned, which Rollcall adds for itself",
    "users.columns.email must not name the column read_ticket, which Rollcall adds for itself",
    "users.columns.name must not name the column role, which Rollcall adds for itself",
  ]);
  // Statements read the separate state under the same names.
  expect(problemsOf({ users: { ...users, state: "separate" }, profile: null })).toEqual([
    "users.key.column must not name the column banned, which Rollcall has for itself",
    "users.columns.email must not name the column read_ticket, which Rollcall has for itself",
    "users.columns.name must not name the column role, which Rollcall has for itself",
  ]);
});

const profile = {
  name: "profile",
  table: "app.profiles",
  link: "user_id",
  key: { column: "id", type: "uuid" },
  columns: { display_name: { from: "name", default: "New User" }, score: { value: 7 } },
};

test("any profile is accepted, and none", () => {
  expect(parse({ ...defaultMapping, profile })).toEqual({ ...defaultMapping, profile });
  expect(parse({ ...defaultMapping, profile: null })).toEqual({ ...defaultMapping, profile: null });
});

test("columns of a profile that contradict each other are refused", () => {
  const columns = {
    display_name: { from: "name" },
    displayName: { value: "x" },
    linked_at: { value: null },
    user_id_: { value: 1 },
    userId: { value: 1 },
    title: { from: "name", allowed: ["Dr."] },
    plan: { from: "publicMetadata.plan", allowed: ["free", "pro"], default: "gold" },
    seats: { from: "publicMetadata.seats", allowed: ["1", "2"], default: 1 },
  };
  expect(problemsOf({ ...defaultMapping, profile: { ...profile, columns } })).toEqual([
    "profile.columns.displayName must not have the key displayName in answers, which profile.columns.display_name has",
    "profile.columns.linked_at must not have the key linkedAt in answers, which Rollcall's column linked_at has",
    "profile.columns.userId must not have the key userId in answers, which profile.link has",
    "profile.columns.title.allowed is for public metadata alone",
    "profile.columns.plan.default must be one of the allowed values",
  ]);
});

const organizations = {
  table: "app.teams",
  key: { column: "id", type: "uuid" },
  columns: { clerkOrgId: "clerk_id", name: "title" },
  memberships: {
    table: "app.seats",
    user: "member_id",
    organization: "team_id",
    columns: { role: "role" },
  },
};

test("organizations are off without their part, and have default tables where it names none", () => {
  expect(resolveOrganizations(parse(defaultMapping))).toBeUndefined();
  expect(resolveOrganizations(parse({ ...defaultMapping, organizations: {} }))).toMatchObject({
    isOurs: true,
    table: "public.organizations",
    memberships: { isOurs: true, table: "public.organization_memberships" },
  });
  expect(resolveOrganizations(parse({ ...defaultMapping, organizations }))).toEqual({
    ...organizations,
    isOurs: false,
    memberships: { ...organizations.memberships, isOurs: false },
  });
  const { memberships: _, ...teams } = organizations;
  expect(resolveOrganizations(parse({ ...defaultMapping, organizations: teams }))).toMatchObject({
    isOurs: false,
    memberships: { isOurs: true },
  });
});

test("tables of organizations that contradict each other are refused, each by its name", () => {
  const problems = problemsOf({
    ...defaultMapping,
    organizations: {
      table: "users",
      memberships: { ...organizations.memberships, table: "public.users", organization: "member_id" },
    },
  });
  expect(problems).toEqual([
    "organizations.key is missing: name table, key and columns, or none of the three",
    "organizations.columns is missing: name table, key and columns, or none of the three",
    "organizations.memberships.table (public.users) must be another table than users.table",
    "organizations.memberships.organization must not name the column member_id of organizations.memberships.user again",
  ]);
  const columns = { clerkOrgId: "id", name: "title", slug: "title" };
  expect(
    problemsOf({ ...defaultMapping, organizations: { ...organizations, table: "mentorados", columns } }),
  ).toEqual([
    "organizations.table (mentorados) must be another table than profile.table",
    "organizations.key.type must be text, because the key column is the Clerk id",
    "organizations.columns.slug must not name the column title of organizations.columns.name again",
  ]);
});

test("the state may be separate, with any profile and without one", () => {
  const users = { ...defaultMapping.users, state: "separate" };
  for (const one of [null, profile, defaultMapping.profile])
    expect(parse({ users, profile: one })).toEqual({ users, profile: one });
});

test.each(["integer", "bigint", "uuid", "text"])(
  "users of any table, with keys of type %s, may lack profiles",
  (type) => {
    const users = {
      table: "app.Members",
      key: { column: "memberId", type },
      columns: { clerkId: "clerkId" },
    };
    expect(problemsOf({ users, profile: null })).toEqual([]);
    expect(problemsOf({ ...defaultMapping, users })).toEqual([]);
  },
);

test("the key may be the Clerk id", () => {
  const users = {
    table: "users",
    key: { column: "id", type: "text" },
    columns: { clerkId: "id", tier: "plan" },
  };
  expect(problemsOf({ users, profile: null })).toEqual([]);
});

test("no file of any form is an error of another kind", () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      try {
        parseMapping(text, "app.json");
      } catch (error) {
        expect(error).toBeInstanceOf(EnvironmentError);
      }
    }),
  );
});
