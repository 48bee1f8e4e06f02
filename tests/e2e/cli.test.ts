import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type PostgresServer, startPostgres } from "@rollcall/local-services";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeOnOneBackend } from "../harness/backends.ts";
import { untilProfile } from "../harness/calls.ts";
import { runProcess } from "../harness/process.ts";
import { type System, startSystem } from "../harness/system.ts";

describeOnOneBackend((backend) => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ backend });
  });
  afterAll(() => system?.stop());

  async function rollcall(...args: string[]) {
    const command = runProcess("apps/cli/dist/main.js", system.environment, args);
    return { code: await command.exited, output: command.output() };
  }

  test("explain says in a sentence why a user is there, without email or name", async () => {
    const person = await system.clerk.users.create({ firstName: "Hidden", email: "hidden@example.com" });
    await untilProfile(system, person.id);
    const { code, output } = await rollcall("explain", person.id);
    expect(code).toBe(0);
    expect(output).toContain("In place: the user has a row and a profile.");
    expect(output).toContain("mentorado_created by webhook");
    expect(output).not.toMatch(/hidden/i);
  });

  test("explain needs no running api", async () => {
    const person = await system.clerk.users.create({}, { silent: true });
    await system.api.stop();
    expect((await rollcall("explain", person.id)).output).toContain("no webhook and no login has arrived");
    system.api = system.startApi();
    await system.untilReady();
  });

  test("--json prints one document and nothing else", async () => {
    const person = await system.clerk.users.create();
    await untilProfile(system, person.id);
    const { code, output } = await rollcall("explain", person.id, "--json");
    expect(code).toBe(0);
    expect(JSON.parse(output)).toMatchObject({ clerkId: person.id, clerk: "there" });
  });

  test("commands about organizations say that they are off", async () => {
    for (const args of [["orgs"], ["explain", "org_1", "user_1"]]) {
      const { code, output } = await rollcall(...args);
      expect([code, output]).toEqual([1, expect.stringContaining("organization.off")]);
    }
  });

  test("an unknown id exits with 1, and wrong arguments exit with 2 and print the usage", async () => {
    expect((await rollcall("explain", "user_unknown")).code).toBe(1);
    for (const args of [[], ["explain"], ["dance"], ["explain", "a", "b"], ["explain", "a", "--fast"]]) {
      const { code, output } = await rollcall(...args);
      expect(code).toBe(2);
      expect(output).toContain("Usage: rollcall");
    }
  });

  test("the usage of a command lists only its own options, after --help and after a mistake", async () => {
    const asked = await rollcall("purge", "--help");
    const wrong = await rollcall("purge", "--fast");
    expect([asked.code, wrong.code]).toEqual([0, 2]);
    expect(asked.output).toMatch(/^Usage: rollcall purge .*--keep-profile/s);
    expect(asked.output).not.toContain("--dry-run");
    expect(wrong.output).toBe(`Unknown option '--fast'.\n\n${asked.output}`);
  });
});

/** One line for each command that needs nothing but credentials. */
const lines = [
  ["status"],
  ["alerts"],
  ["users"],
  ["explain", "user_1"],
  ["sync", "user_1"],
  ["doctor"],
  ["init"],
  ["purge", "user_1"],
  ["dead-letters"],
  ["dead-letters", "replay", "--all"],
  ["conflicts"],
  ["reconcile"],
  ["runs"],
];

test("the lines above cover all commands", async () => {
  const command = runProcess("apps/cli/dist/main.js", {}, ["--help"]);
  expect(await command.exited).toBe(0);
  const named = [...command.output().matchAll(/^ {2}([a-z][a-z-]*)/gm)].map(([, name]) => name);
  expect(named).toContain("status");
  // Other tests run these: programs of their own, commands that need no environment, and one that asks the mapping first.
  const others = ["api", "worker", "migrate", "dev", "clerk", "schema", "roles", "operator", "orgs"];
  expect(new Set([...lines.map(([name]) => name), ...others])).toEqual(new Set(named));
});

describe("without the right credentials", () => {
  let postgres: PostgresServer;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "rollcall-cli-"));
    postgres = await startPostgres({ dataDir: join(folder, "postgres") });
  });
  afterAll(async () => {
    await postgres.stop("immediate");
    await rm(folder, { recursive: true, force: true });
  });

  test.each(lines)("%s names the refused credential, and prints no password", async (...args) => {
    const url = new URL(postgres.url);
    url.password = "a-wrong-password";
    const environment = {
      DATABASE_URL: url.href,
      CLERK_SECRET_KEY: "sk_test_wrong",
      CLERK_API_URL: "http://127.0.0.1:65535",
    };
    const command = runProcess("apps/cli/dist/main.js", environment, args);
    expect(await command.exited).toBe(args[0] === "status" ? 0 : 1);
    expect(command.output()).toMatch(
      /Postgres (refused|refuses) the user or the password|Postgres does not answer|queue\.unavailable.*\nTo find the cause: rollcall doctor/,
    );
    expect(command.output()).not.toContain("a-wrong-password");
    expect(command.output()).not.toContain("sk_test_wrong");
  });

  test.each(lines)("%s names the variable that is missing", async (...args) => {
    const command = runProcess("apps/cli/dist/main.js", {}, args);
    expect(await command.exited).toBe(1);
    expect(command.output()).toContain("DATABASE_URL is missing");
  });
});
