import { createHook } from "node:async_hooks";
import { generateKeyPairSync } from "node:crypto";
import { writeOperatorEntry } from "@rollcall/contracts";
import { hashPassword } from "@rollcall/runtime";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { readApiConfig } from "../../config.ts";
import { type Accounts, readAccounts } from "./accounts.ts";

const passwordOf = (name: string) => `the password of ${name}`;
const adminPassword = "correct horse battery staple";

/** The checks of scrypt, as Node reports them. */
const checks = { running: 0, most: 0, total: 0 };
const running = new Set<number>();
const hook = createHook({
  init: (id, type) => {
    if (type !== "SCRYPTREQUEST") return;
    running.add(id);
    checks.total++;
    checks.most = Math.max(checks.most, running.size);
  },
  before: (id) => void running.delete(id),
});

const entries: string[] = [];
let accounts: Accounts;

function read(environment: Record<string, string>): Accounts {
  const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return readAccounts(
    readApiConfig({
      DATABASE_URL: "postgres://user@127.0.0.1:1/nothing",
      CLERK_JWT_KEY: publicKey.export({ type: "spki", format: "pem" }).toString(),
      CLERK_AUTHORIZED_PARTIES: "http://localhost:5173",
      ADMIN_PASSWORD: adminPassword,
      ...environment,
    }),
  );
}

beforeAll(async () => {
  for (const name of ["ana", "bia"])
    entries.push(writeOperatorEntry({ name, role: "operator", hash: await hashPassword(passwordOf(name)) }));
  hook.enable();
});
afterAll(() => hook.disable());
beforeEach(() => {
  accounts = read({ ADMIN_OPERATORS: entries.join(",") });
  Object.assign(checks, { most: 0, total: 0 });
});

async function check(
  name: string,
  password: string,
  { caller = "127.0.0.1", isGone = (): boolean => false } = {},
) {
  const found = await accounts.check({ name, password }, caller, isGone);
  return typeof found === "string" ? found : found.name;
}

test("each account opens with its own name and password alone", async () => {
  expect(await check("ana", passwordOf("ana"))).toBe("ana");
  expect(await check("admin", adminPassword)).toBe("admin");
  expect(await check("ana", passwordOf("bia"))).toBe("wrong_password");
  expect(await check("ana", adminPassword)).toBe("wrong_password");
  expect(await check("admin", passwordOf("ana"))).toBe("wrong_password");
  for (const name of ["Ana", "", "carla", "__proto__"])
    expect(await check(name, passwordOf("ana"))).toBe("unknown_name");
});

test("a script costs one check a minute, also while it calls many times at once", async () => {
  expect(await Promise.all(Array.from({ length: 20 }, () => check("ana", passwordOf("ana"))))).toEqual(
    Array(20).fill("ana"),
  );
  expect(await check("ana", passwordOf("ana"))).toBe("ana");
  expect(checks.total).toBe(1);
});

test("a remembered password does not open the account for another one", async () => {
  await check("ana", passwordOf("ana"));
  expect(await check("ana", passwordOf("bia"))).toBe("wrong_password");
  expect(await check("bia", passwordOf("ana"))).toBe("wrong_password");
});

test("guesses run one at a time, and a right password of another account waits for one of each at most", async () => {
  const order: string[] = [];
  const guesses = Array.from({ length: 8 }, async (_, guess) => {
    const name = guess % 2 === 0 ? "ana" : "carla";
    order.push(await check(name, `a guess ${guess}`, { caller: "203.0.113.8" }));
  });
  const right = check("bia", passwordOf("bia"), { caller: "203.0.113.9" }).then((found) => order.push(found));
  // The account of ADMIN_PASSWORD needs no check, so it waits for none.
  expect(await check("admin", adminPassword)).toBe("admin");
  expect(order).toEqual([]);
  await Promise.all([...guesses, right]);
  expect(order.indexOf("bia")).toBeLessThanOrEqual(3);
  expect(checks.most).toBe(1);
});

test("a right password of the guessed account waits for one guess of each address", async () => {
  const order: string[] = [];
  const guesses = Array.from({ length: 6 }, async (_, guess) => {
    order.push(await check("ana", `a guess ${guess}`, { caller: "203.0.113.8" }));
  });
  const right = check("ana", passwordOf("ana"), { caller: "203.0.113.9" }).then((found) => order.push(found));
  await Promise.all([...guesses, right]);
  expect(order.indexOf("ana")).toBeLessThanOrEqual(2);
});

test("a wrong name, a wrong password, and a wrong password of ADMIN_USERNAME cost the same", async () => {
  for (const name of ["ana", "carla", "admin"]) {
    checks.total = 0;
    await check(name, "a guess");
    expect([name, checks.total]).toEqual([name, 1]);
  }
});

test("a caller that left costs nothing", async () => {
  for (const name of ["ana", "carla", "admin"]) await check(name, "a guess", { isGone: () => true });
  expect(checks.total).toBe(0);
});

test("without operators no guess costs a check", async () => {
  accounts = read({});
  expect(await check("admin", "a guess")).toBe("wrong_password");
  expect(await check("carla", "a guess")).toBe("unknown_name");
  expect(checks.total).toBe(0);
});

test("the key of an account changes with its name, its role and its password, and with nothing else", async () => {
  const keysOf = async (environment: Record<string, string>) =>
    Promise.all(read(environment).all.map(async (account) => (await account.readKey()).toString("hex")));
  const [admin, ana, bia] = await keysOf({ ADMIN_OPERATORS: entries.join(",") });
  expect(await keysOf({ ADMIN_OPERATORS: entries.toReversed().join(",") })).toEqual([admin, bia, ana]);
  const [first = ""] = entries;
  const changed = [
    { ADMIN_OPERATORS: first.replace("ana", "ann") },
    { ADMIN_OPERATORS: first.replace("operator", "admin") },
    {
      ADMIN_OPERATORS: writeOperatorEntry({
        name: "ana",
        role: "operator",
        hash: await hashPassword(passwordOf("ana")),
      }),
    },
    { ADMIN_PASSWORD: "another password" },
    { ADMIN_USERNAME: "root" },
  ];
  for (const environment of changed) {
    const keys = await keysOf(environment);
    expect(keys).not.toContain(ana);
    if ("ADMIN_OPERATORS" in environment) expect(keys[0]).toBe(admin);
    else expect(keys).not.toContain(admin);
  }
});
