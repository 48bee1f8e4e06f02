import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { readPasswordHash } from "@rollcall/contracts";
import { isPasswordOf } from "@rollcall/runtime";
import { expect, test } from "vitest";
import { makeProcessFolder } from "../harness/process.ts";

const program = fileURLToPath(new URL("../../apps/cli/dist/main.js", import.meta.url));

/** Runs `rollcall operator` with nothing in its environment, because it needs nothing of it. */
function runOperator(args: readonly string[], input = "") {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, "operator", ...args], {
    cwd: makeProcessFolder(),
    env: { PATH: process.env["PATH"] ?? "" },
    input,
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

async function opens(entry: string, password: string): Promise<boolean> {
  const [name, role, hash = ""] = entry.trim().split(":");
  expect([name, role]).toEqual(["ana", "operator"]);
  const read = readPasswordHash(hash);
  return read !== undefined && isPasswordOf(read, password);
}

const ana = ["--name", "ana", "--role", "operator"];

test.each([
  ["with a line break at its end", "a good long password\n"],
  ["with a line break of Windows", "a good long password\r\n"],
  ["without one", "a good long password"],
])("the password comes from standard input, %s, and is printed nowhere", async (_, input) => {
  const { status, stdout, stderr } = runOperator(ana, input);
  expect([status, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(/^ana:operator:[^:,\n]+\n$/);
  expect(stdout).not.toContain("a good long password");
  expect(await opens(stdout, "a good long password")).toBe(true);
});

test("without input, a password is made and printed to standard error alone", async () => {
  const [one, two] = [runOperator(ana), runOperator(ana)];
  const passwords = [one, two].map(({ stderr }) => /^Password: (\S{24})\n$/.exec(stderr)?.[1] ?? "");
  expect(passwords[0]).not.toBe(passwords[1]);
  expect(one.stdout).not.toContain(passwords[0]);
  expect(await opens(one.stdout, passwords[0] ?? "")).toBe(true);
});

test("--json prints one document", async () => {
  const { status, stdout } = runOperator([...ana, "--json"], "a good long password\n");
  expect(status).toBe(0);
  expect(await opens(JSON.parse(stdout).entry, "a good long password")).toBe(true);
});

test.each<[string, string[], string, string]>([
  ["no name", ["--role", "operator"], "", "--name"],
  ["no role", ["--name", "ana"], "", "--role"],
  ["an unknown role", ["--name", "ana", "--role", "owner"], "", "viewer, operator, admin"],
  ["a name with a colon", ["--name", "a:b", "--role", "viewer"], "", "letters, digits"],
  ["a short password", ana, "eleven char\n", "at least 12 characters"],
  ["a password of 2 KB", ana, `${"x".repeat(2_000)}\n`, "at most 1024 characters"],
])("%s is wrong usage, and the answer repeats no password", (_, args, input, says) => {
  const { status, stdout, stderr } = runOperator(args, input);
  expect([status, stdout]).toEqual([2, ""]);
  expect(stderr).toContain(says);
  if (input !== "") expect(stderr).not.toContain(input.trim());
});
