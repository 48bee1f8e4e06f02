import { mkdirSync, mkdtempSync, realpathSync, renameSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import type { Environment } from "./cli.ts";
import { readCommandEnvironment } from "./command-environment.ts";

let dir: string;
beforeEach(() => {
  dir = join(realpathSync(mkdtempSync(join(tmpdir(), "rollcall-command-"))), ".rollcall");
  mkdirSync(dir);
});

const started = {
  DATABASE_URL: "postgres://rollcall@127.0.0.1:5555/postgres",
  CLERK_SECRET_KEY: "sk_test_simulator",
  CLERK_API_URL: "http://127.0.0.1:3002",
};

/** As `npm start` leaves the folder. */
function start(variables: Environment = started): void {
  const lines = Object.entries({ ...variables, ROLLCALL_DIR: dir }).map(
    ([name, value]) => `${name}=${JSON.stringify(value)}`,
  );
  writeFileSync(join(dir, "environment"), lines.join("\n"));
}

function read(own: Environment): { environment: Environment; said: string } {
  const said: string[] = [];
  const environment = readCommandEnvironment({ ROLLCALL_DIR: dir, ...own }, (line) => said.push(line));
  return { environment, said: said.join("\n") };
}

test("a command without a variable of its own works on the system that runs here, and says so", () => {
  start();
  const { environment, said } = read({ PATH: "/bin", PORT: "80", REDIS_URL: "" });
  expect(environment).toMatchObject({ ...started, PATH: "/bin" });
  expect(said).toBe(`Using the system that runs here (${dir}/environment)`);
});

test("the same value in both is no contradiction", () => {
  start();
  expect(read({ CLERK_API_URL: started.CLERK_API_URL }).environment).toMatchObject(started);
});

test.each([
  ["CLERK_SECRET_KEY", "sk_live_own"],
  ["REDIS_URL", "redis://127.0.0.1:1"],
  ["CLERK_API_URL", "https://api.clerk.com"],
  ["ROLLCALL_CONFIG", "rollcall.config.json"],
])("a command with a %s of its own is not mixed with that system, and says why", (name, value) => {
  start();
  const { environment, said } = read({ [name]: value });
  expect(environment).toEqual({ ROLLCALL_DIR: dir, [name]: value });
  expect(said).toContain(`is not used: ${name} is set, and DATABASE_URL is not`);
  expect(said).not.toContain(value);
});

test("a publishable key of the app's own Clerk is no contradiction, because no command uses one", () => {
  start({ ...started, CLERK_PUBLISHABLE_KEY: "pk_test_simulator" });
  expect(read({ CLERK_PUBLISHABLE_KEY: "pk_test_own" }).environment).toMatchObject(started);
});

test("a command with a DATABASE_URL of its own reads no file", () => {
  start();
  const own = { DATABASE_URL: "postgres://elsewhere/app" };
  expect(read(own)).toEqual({ environment: { ROLLCALL_DIR: dir, ...own }, said: "" });
});

test("in production, no command works on a system of npm start", () => {
  start();
  expect(read({ NODE_ENV: "production" }).environment).not.toHaveProperty("DATABASE_URL");
  start({ ...started, CLERK_SECRET_KEY: "sk_live_real" });
  const { environment, said } = read({});
  expect(environment).not.toHaveProperty("DATABASE_URL");
  expect(said).toContain("production users");
});

test("a folder that npm start did not make there is not used", () => {
  start();
  const moved = `${dir}-moved`;
  renameSync(dir, moved);
  dir = moved;
  expect(read({}).environment).not.toHaveProperty("DATABASE_URL");
  expect(read({}).said).toContain("was not written for this folder");
});

test("without the file, the environment is the caller's, and nothing is said", () => {
  expect(read({})).toEqual({ environment: { ROLLCALL_DIR: dir }, said: "" });
});
