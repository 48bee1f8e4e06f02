import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BareProject, createBareProject, findSkipReason, repository } from "../harness/bare-project.ts";

const reason = findSkipReason();
const [, recipe = ""] =
  /^```js\n\/\/ jest\.config\.cjs\n(.*?)^```$/ms.exec(
    readFileSync(join(repository, "packages/client/README.md"), "utf8"),
  ) ?? [];

/** What a test of an app does with the package. */
const code = `
import { RollcallError } from "@rollcall/client";
import { useUserProvisioning } from "@rollcall/client/react";
import { buildClient, buildProfile, buildUser } from "@rollcall/client/testing";

test("an app's test", async () => {
  const client = buildClient({ user: buildUser({ clerkId: "user_ana" }), mentorado: buildProfile() });
  const { user } = await client.ensure({ userId: "user_ana", getToken: async () => "token" });
  expect([user.clerkId, client.calls.length]).toEqual(["user_ana", 1]);
  expect([typeof RollcallError, typeof useUserProvisioning]).toEqual(["function", "function"]);
});
`;

describe.skipIf(reason)(`Jest in an app${reason}`, { timeout: 120_000 }, () => {
  let app: BareProject;
  beforeAll(() => {
    app = createBareProject();
    const packed = app.npm("pack", join(repository, "packages/client"), "--ignore-scripts");
    expect(packed.status, packed.stderr).toBe(0);
    const options = ["--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"];
    const file = packed.stdout.trim().split("\n").at(-1);
    const named = ["jest@30.5.2", "@babel/plugin-transform-modules-commonjs@7", "react@19"];
    const installed = app.npm("install", ...options, `./${file}`, ...named);
    expect(installed.status, installed.stderr).toBe(0);
    app.write("babel/app.test.js", code);
    app.write("babel/package.json", "{}");
    app.write("esm/app.test.js", code);
    app.write("esm/package.json", '{ "type": "module" }');
  }, 300_000);
  afterAll(() => app?.remove());

  test("with ES modules it runs the package as it is", () => {
    const { status, stderr } = app.node(
      "--experimental-vm-modules",
      ...["node_modules/jest/bin/jest.js", "--rootDir", "esm", "--ci"],
    );
    expect(status, stderr).toBe(0);
  });

  test("with Babel it runs the package by the README's setting, which Node before 24.9 needs", () => {
    app.write("babel/babel.config.json", '{ "plugins": ["@babel/plugin-transform-modules-commonjs"] }');
    app.write("babel/jest.config.cjs", recipe);
    const { status, stderr } = app.node("node_modules/jest/bin/jest.js", "--config", "babel/jest.config.cjs");
    expect(status, stderr).toBe(0);
  });
});
