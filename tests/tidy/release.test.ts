import { cpSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { findRefusals, findSection, type ReleaseState } from "../../build/release/find-refusals.ts";
import { writeVersion } from "../../build/release/write-version.ts";
import { readPackages, readText } from "./tree.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

const addresses = {
  repository: { type: "git", url: "git+https://example.com/rollcall.git" },
  homepage: "https://example.com",
  bugs: "https://example.com/issues",
};
const ready: ReleaseState = {
  version: "0.2.0",
  manifest: { version: "0.1.0", ...addresses },
  changelog:
    "# Changelog\n\n## Unreleased\n\n### Syncing\n\n- A change.\n\n## 0.1.0 (2026-01-01)\n\n- The first.\n",
  branch: "main",
  changes: [],
  tags: ["v0.1.0"],
};

test("a clean main with addresses and entries of the changelog can be released", () => {
  expect(findRefusals(ready)).toEqual([]);
  // The first release has the version that is there already.
  expect(findRefusals({ ...ready, manifest: { ...ready.manifest, version: "0.2.0" } })).toEqual([]);
});

const refused: [change: Partial<ReleaseState>, says: string][] = [
  [{ version: "2" }, "2 is no version like 1.2.3"],
  [{ version: "0.0.9" }, "0.0.9 is older than 0.1.0"],
  [{ version: "0.1.0-rc.1" }, "0.1.0-rc.1 is older than 0.1.0"],
  [{ tags: ["v0.2.0"] }, "The tag v0.2.0 exists"],
  [{ branch: "next" }, "The branch is next"],
  [{ changes: [" M README.md"] }, " M README.md"],
  [{ changelog: "# Changelog\n\n## Unreleased\n\n## 0.1.0\n\n- Old.\n" }, "no entry below ## Unreleased"],
  [{ changelog: "# Changelog\n\n## 0.1.0\n\n- Old.\n" }, "no entry below ## Unreleased"],
  [{ changelog: `${ready.changelog}\n## 0.2.0 (2026-01-02)\n\n- It.\n` }, "a section for 0.2.0 already"],
  ...(["repository", "homepage", "bugs"] as const).map((name): [Partial<ReleaseState>, string] => [
    { manifest: { ...ready.manifest, [name]: undefined } },
    `package.json lacks "${name}". Set it, like`,
  ]),
];

test.each(refused)("%j is refused: %s", (change, says) => {
  expect(findRefusals({ ...ready, ...change })).toEqual([expect.stringContaining(says)]);
});

test("one version goes into every workspace, the lockfile, the processes and the changelog, and nothing else changes", async () => {
  const copy = mkdtempSync(join(tmpdir(), "rollcall-release-"));
  const packages = readPackages();
  const manifests = packages.map(({ folder }) => join(folder, "package.json"));
  const files = [...manifests, "package-lock.json", "packages/contracts/src/version.ts", "CHANGELOG.md"];
  for (const file of files) cpSync(join(root, file), join(copy, file));
  expect((await writeVersion(copy, "7.7.7", "2030-01-02")).toSorted()).toEqual(files.toSorted());
  const { version } = JSON.parse(readText("package.json"));
  for (const file of files.filter((path) => path !== "CHANGELOG.md")) {
    const written = readFileSync(join(copy, file), "utf8");
    const [before, after] = [readText(file).split("\n"), written.split("\n")];
    const lines = before.flatMap((line, index) => (line === after[index] ? [] : [[line, after[index]]]));
    expect(lines, file).not.toEqual([]);
    for (const [line, now] of lines) {
      expect(line, file).toMatch(/version|"@rollcall\//);
      expect(now, file).toBe(line?.replace(version, "7.7.7"));
    }
    expect(after.length).toBe(before.length);
  }
  const changelog = readFileSync(join(copy, "CHANGELOG.md"), "utf8");
  expect(findSection(changelog, "7.7.7")?.slice(18)).toBe(
    findSection(readText("CHANGELOG.md"), "Unreleased")?.slice(10),
  );
  expect(findSection(changelog, "Unreleased")?.trim()).toBe("Unreleased");
});

test("the client has the addresses of the root's package.json, which the release writes, or none yet", () => {
  const [own, client] = [".", "packages/client"].map((folder) =>
    JSON.parse(readText(join(folder, "package.json"))),
  );
  const released = {
    ...own,
    repository: own.repository && { ...own.repository, directory: "packages/client" },
  };
  for (const name of ["repository", "homepage", "bugs"])
    expect([undefined, released[name]]).toContainEqual(client[name]);
  expect(client.publishConfig).toEqual({ access: "public", provenance: true });
});
