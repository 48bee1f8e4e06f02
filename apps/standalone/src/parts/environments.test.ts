import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { expect, test } from "vitest";
import { readSettings } from "../settings.ts";
import { decideEnvironment, type Wiring, writeCommandEnvironment } from "./environments.ts";

const secrets = {
  adminPassword: "made up",
  clerkSecretKey: "sk_test_simulator",
  clerkWebhookSecret: "whsec_simulator",
  clerkSigningKey: "private",
  clerkJwtKey: "public",
};
const ports = { api: 3000, admin: undefined, worker: 3001, simulator: 3002, example: 3003 };

function wire(named: Record<string, string>, simulatorUrl: string | undefined): Wiring {
  const settings = readSettings(named);
  return { settings, secrets, databaseUrl: "postgres://x", ports, simulatorUrl, adminPassword: "made up" };
}

test("no part gets a secret that it does not need", () => {
  const wiring = wire({}, "http://127.0.0.1:3002");
  const api = decideEnvironment("api", {}, wiring);
  const worker = decideEnvironment("worker", {}, wiring);
  const hook = { MENTORADO_CREATED_SECRET: "whsec_x" };
  expect(decideEnvironment("api", hook, wiring)["MENTORADO_CREATED_SECRET"]).toBeUndefined();
  // The api shows operators a user's state at Clerk.
  expect(api["CLERK_SECRET_KEY"]).toBe("sk_test_simulator");
  expect(worker).toMatchObject({
    CLERK_SECRET_KEY: "sk_test_simulator",
    CLERK_API_URL: "http://127.0.0.1:3002",
  });
  const operators = { ADMIN_OPERATORS: "ana:viewer:…", ADMIN_PORT: "3100" };
  expect(Object.keys(decideEnvironment("worker", operators, wiring))).toEqual(Object.keys(worker));
  expect(decideEnvironment("api", operators, wiring)["ADMIN_OPERATORS"]).toBe("ana:viewer:…");
  for (const name of ["ADMIN_PASSWORD", "CLERK_JWT_KEY", "CLERK_WEBHOOK_SIGNING_SECRET"]) {
    expect(worker[name]).toBeUndefined();
    expect(api[name]).toBeDefined();
  }
  const support = { SUPPORT_URL: "mailto:help@example.com" };
  const example = decideEnvironment("example", support, wiring);
  expect(Object.keys(example).sort()).toEqual([
    "CLERK_AUTHORIZED_PARTIES",
    "CLERK_JWT_KEY",
    "DATABASE_URL",
    "SUPPORT_URL",
  ]);
  expect(decideEnvironment("api", support, wiring)["SUPPORT_URL"]).toBeUndefined();
  expect(decideEnvironment("migration", {}, wiring)).toEqual({ DATABASE_URL: "postgres://x" });
});

test("the simulator replaces every Clerk variable, and its pages are added to the app's own origins", () => {
  const named = { CLERK_JWT_KEY: "of another Clerk", CLERK_AUTHORIZED_PARTIES: "https://app.example.com" };
  const api = decideEnvironment("api", named, wire(named, "http://127.0.0.1:3002"));
  expect(api["CLERK_JWT_KEY"]).toBe("public");
  expect(api["CLERK_AUTHORIZED_PARTIES"]).toBe(
    "http://127.0.0.1:3002,http://localhost:3002,http://127.0.0.1:3003,http://localhost:3003,https://app.example.com",
  );
});

test("with the simulator the catch-up runs more often, unless its variable is set", () => {
  const wiring = wire({}, "http://127.0.0.1:3002");
  const everyMs = (named: Record<string, string>, over = wiring) =>
    decideEnvironment("worker", named, over)["RECONCILE_CATCHUP_EVERY_MS"];
  expect(everyMs({})).toBe("20000");
  expect(everyMs({ RECONCILE_CATCHUP_EVERY_MS: "" })).toBe("20000");
  expect(everyMs({ RECONCILE_CATCHUP_EVERY_MS: "5000" })).toBe("5000");
  expect(everyMs({}, wire({}, undefined))).toBeUndefined();
});

test("with the real Clerk no part gets a variable of the simulator, or one that is not Rollcall's", () => {
  const named = {
    CLERK_SECRET_KEY: "sk_live_x",
    CLERK_JWT_KEY: "theirs",
    AWS_SECRET: "not ours",
    LOG_LEVEL: "",
  };
  const worker = decideEnvironment("worker", named, wire({}, undefined));
  expect(worker).toEqual({
    CLERK_SECRET_KEY: "sk_live_x",
    DATABASE_URL: "postgres://x",
    WORKER_PORT: "3001",
  });
});

test("api and worker alone get the variables of OpenTelemetry", () => {
  const named = { OTEL_EXPORTER_OTLP_HEADERS: "x-key=secret", OTEL_TRACES_SAMPLER: "always_on" };
  for (const part of ["api", "worker"] as const)
    expect(decideEnvironment(part, named, wire({}, undefined))).toMatchObject(named);
  for (const part of ["migration", "example"] as const)
    expect(JSON.stringify(decideEnvironment(part, named, wire({}, undefined)))).not.toContain("OTEL");
});

test("the file for commands has a publishable key of the simulator, and none with the real Clerk", async () => {
  const dir = await mkdtemp(join(tmpdir(), "rollcall-environment-"));
  const write = async (simulatorUrl: string | undefined) => {
    await writeCommandEnvironment(dir, { DATABASE_URL: "postgres://x", LOG_LEVEL: "info" }, simulatorUrl);
    return parseEnv(await readFile(join(dir, "environment"), "utf8"));
  };
  const { CLERK_PUBLISHABLE_KEY: key = "", ...others } = await write("http://127.0.0.1:3002");
  expect(others).toEqual({ DATABASE_URL: "postgres://x", ROLLCALL_DIR: dir });
  const [, host = ""] = /^pk_test_([A-Za-z0-9+/]+=*)$/.exec(key) ?? [];
  expect(Buffer.from(host, "base64").toString()).toBe("127.0.0.1:3002$");
  expect(await write(undefined)).not.toHaveProperty("CLERK_PUBLISHABLE_KEY");
  await rm(dir, { recursive: true });
});
