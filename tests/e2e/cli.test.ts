import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { describeOnBackends } from "../harness/backends.ts";
import { untilProfile } from "../harness/calls.ts";
import { runProcess } from "../harness/process.ts";
import { type System, startSystem } from "../harness/system.ts";

describeOnBackends((backend) => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ backend, redisBinary: inject("redisBinary") });
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
    expect((await rollcall("explain", person.id)).output).toContain("no webhook and no login told us yet");
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

  test("an id that nobody knows ends with 1, wrong usage with 2 and the usage", async () => {
    expect((await rollcall("explain", "user_nobody")).code).toBe(1);
    for (const args of [[], ["explain"], ["dance"], ["explain", "a", "b"], ["explain", "a", "--fast"]]) {
      const { code, output } = await rollcall(...args);
      expect(code).toBe(2);
      expect(output).toContain("Usage: rollcall");
    }
  });
});

test("missing variables are listed by name", async () => {
  const command = runProcess("apps/cli/dist/main.js", {}, ["explain", "user_1"]);
  expect(await command.exited).toBe(1);
  expect(command.output()).toContain("DATABASE_URL is missing");
});
