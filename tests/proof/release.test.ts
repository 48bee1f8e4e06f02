import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BareProject, createBareProject, findSkipReason } from "../harness/bare-project.ts";

const addresses = {
  repository: { type: "git", url: "git+https://example.com/rollcall.git" },
  homepage: "https://example.com",
  bugs: "https://example.com/issues",
};

/** A repository with the release script, two tiny packages, and a gate that passes unless a file says otherwise. */
function createRepository(): BareProject {
  const made = createBareProject();
  const json = (path: string, value: object) => made.write(path, `${JSON.stringify(value, null, 2)}\n`);
  made.copy("build/release", "build/release");
  made.lend("tsx");
  const tiny = { version: "0.1.0", license: "MIT" };
  json("package.json", {
    name: "tiny",
    private: true,
    type: "module",
    ...tiny,
    ...addresses,
    scripts: { build: "true" },
  });
  json("packages/client/package.json", { name: "@rollcall/client", ...tiny });
  json("packages/contracts/package.json", { name: "@rollcall/contracts", private: true, ...tiny });
  json("apps/rollcall/package.json", { name: "@rollcall/package", private: true, ...tiny });
  json("apps/rollcall/dist/package.json", { name: "rollcall", ...tiny });
  json("package-lock.json", { name: "tiny", version: "0.1.0", packages: {} });
  mkdirSync(join(made.folder, "examples"));
  made.write("examples/README.md", "");
  made.write("packages/contracts/src/version.ts", 'export const version = "0.1.0";\n');
  made.write("CHANGELOG.md", "# Changelog\n\n## Unreleased\n\n- A change.\n");
  made.write(".gitignore", "node_modules/\n/gate-fails\n/origin/\n");
  made.write(".ci/run", "#!/bin/sh\n! test -e gate-fails\n");
  return made;
}

const reason = findSkipReason();

describe.skipIf(reason)(`a release in a repository of its own${reason}`, { timeout: 120_000 }, () => {
  let made: BareProject;
  const git = (...args: string[]) =>
    execFileSync("git", ["-c", "user.name=Ana", "-c", "user.email=ana@example.com", ...args], {
      cwd: made.folder,
      encoding: "utf8",
    }).trim();
  const release = (...args: string[]) => {
    const env = {
      ...process.env,
      GIT_AUTHOR_NAME: "Ana",
      GIT_COMMITTER_NAME: "Ana",
      EMAIL: "ana@example.com",
    };
    const program = ["--import", "tsx", "build/release/main.ts", ...args];
    return spawnSync(process.execPath, program, { cwd: made.folder, encoding: "utf8", env });
  };
  beforeAll(() => {
    made = createRepository();
    execFileSync("chmod", ["+x", ".ci/run"], { cwd: made.folder });
    git("init", "--quiet", "--initial-branch=main");
    git("init", "--quiet", "--bare", "origin");
    git("remote", "add", "origin", "./origin");
    git("add", "--all");
    git("commit", "--quiet", "--message", "Start");
  });
  afterAll(() => made?.remove());

  test("a red gate stops it before anything is written", () => {
    made.write("gate-fails", "");
    const { status, stderr } = release("--version", "0.2.0", "--publish");
    expect([status, stderr]).toEqual([1, expect.stringContaining("Command failed: .ci/run")]);
    expect([git("status", "--porcelain"), git("tag"), git("log", "--format=%s")]).toEqual(["", "", "Start"]);
    execFileSync("rm", ["gate-fails"], { cwd: made.folder });
  });

  test("a package that npm refuses leaves the tree as it was", () => {
    made.write("apps/rollcall/dist/package.json", '{ "name": "rollcall", "version": "not one" }\n');
    git("commit", "--quiet", "--all", "--message", "Break");
    const { status, stderr } = release("--version", "0.2.0", "--publish");
    expect([status, stderr]).toEqual([1, expect.stringContaining("Command failed: npm publish --dry-run")]);
    expect([git("status", "--porcelain"), git("tag"), git("log", "-1", "--format=%s")]).toEqual([
      "",
      "",
      "Break",
    ]);
    git("revert", "--no-edit", "HEAD");
  });

  test("a dry one prints its steps, and changes nothing", () => {
    const { status, stdout } = release("--version", "0.2.0");
    expect([status, stdout]).toEqual([
      0,
      expect.stringMatching(/^Release 0\.2\.0:.*without --publish\.\n$/s),
    ]);
    expect(release("--publish")).toMatchObject({ status: 2, stdout: expect.stringMatching(/^Usage: /) });
    expect([git("status", "--porcelain"), git("tag")]).toEqual(["", ""]);
  });

  test("a push that is refused leaves neither its commit nor its tag", () => {
    const [elsewhere] = git("commit-tree", "-m", "Elsewhere", "HEAD^{tree}").split("\n");
    git("push", "--quiet", "origin", `${elsewhere}:refs/heads/main`);
    const { status, stderr } = release("--version", "0.2.0", "--publish");
    expect([status, stderr]).toEqual([1, expect.stringContaining("Command failed: git push")]);
    expect([git("status", "--porcelain"), git("tag")]).toEqual(["", ""]);
    expect(git("log", "-1", "--format=%s")).toContain("Revert");
    git("push", "--quiet", "origin", ":refs/heads/main");
  });

  test("with --publish one commit and its tag are pushed, and the tag may be published", () => {
    const { status, stdout, stderr } = release("--version", "0.2.0", "--publish");
    expect(status, stdout + stderr).toBe(0);
    expect(git("status", "--porcelain")).toBe("");
    expect(git("ls-remote", "origin")).toContain(`${git("rev-parse", "HEAD")}\trefs/heads/main`);
    expect(git("ls-remote", "origin")).toContain("refs/tags/v0.2.0");
    const client = JSON.parse(readFileSync(join(made.folder, "packages/client/package.json"), "utf8"));
    const directory = "packages/client";
    expect(client).toMatchObject({ ...addresses, version: "0.2.0", repository: { directory } });
    expect(release("--tag", "v0.2.0")).toMatchObject({ status: 0, stdout: "v0.2.0 may be published\n" });
    expect(release("--version", "0.2.0", "--publish").stdout).toContain("The tag v0.2.0 exists");
  });
});
