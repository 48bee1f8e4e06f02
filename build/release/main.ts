import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { findMissingAddresses, findRefusals, findSection, type ReleaseState } from "./find-refusals.ts";
import { writeVersion } from "./write-version.ts";

const usage = `Usage: npm run release -- --version 0.2.0            check, and print what a release would do
       npm run release -- --version 0.2.0 --publish  release: gate, version, commit, tag, push
       npm run release -- --tag v0.2.0               check a pushed tag, before its packages go to npm`;

/** Each published package: its folder, and what npm publishes. The second is built. */
const published = ["./packages/client", "./apps/rollcall/dist"];

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const run = (program: string, ...args: string[]) =>
  execFileSync(program, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
const ask = (...args: string[]) => execFileSync("git", args, { cwd: root, encoding: "utf8" }).trimEnd();
const lines = (text: string) => text.split("\n").filter(Boolean);
const read = (path: string) => readFileSync(join(root, path), "utf8");
const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

const { values } = readArguments();
if (values.tag !== undefined) checkTag(values.tag);
else await release(String(values.version), values.publish === true);

function readArguments() {
  try {
    const parsed = parseArgs({
      options: { version: { type: "string" }, publish: { type: "boolean" }, tag: { type: "string" } },
    });
    if ((parsed.values.version === undefined) !== (parsed.values.tag === undefined)) return parsed;
  } catch {
    // Printed below.
  }
  say(usage);
  process.exit(2);
}

function readState(version: string): ReleaseState {
  return {
    version,
    manifest: JSON.parse(read("package.json")),
    changelog: read("CHANGELOG.md"),
    branch: ask("branch", "--show-current"),
    changes: lines(ask("status", "--porcelain")),
    tags: lines(ask("tag", "--list")),
  };
}

function refuse(refusals: readonly string[]): void {
  if (refusals.length === 0) return;
  say(`Refused:\n${refusals.map((refusal) => `- ${refusal}`).join("\n")}`);
  process.exit(1);
}

async function release(version: string, acts: boolean): Promise<void> {
  const tag = `v${version}`;
  say(`Release ${version}:
  1. Run the gate: .ci/run
  2. Set the version of every workspace, and name the changelog's section
  3. Build, and npm publish --dry-run ${published.join(" and ")}
  4. Commit, tag ${tag}, and push both: the tag starts .github/workflows/publish.yml`);
  refuse(findRefusals(readState(version)));
  if (!acts) {
    say("Nothing is done without --publish.");
    return;
  }
  run(".ci/run");
  // A push meanwhile, and what the gate left behind, is seen now.
  refuse(findRefusals(readState(version)));
  const before = ask("rev-parse", "HEAD");
  try {
    const files = await writeVersion(root, version, new Date().toISOString().slice(0, 10));
    run("npm", "run", "build");
    for (const folder of published) run("npm", "publish", "--dry-run", folder);
    run("git", "add", ...files);
    run("git", "commit", "--message", `Release ${version}`);
    run("git", "tag", "--annotate", "--message", `Release ${version}`, tag);
    run("git", "push", "--atomic", "origin", "main", tag);
  } catch (error) {
    // The tree was clean, so that only the new version is lost. A tag that stayed would refuse the next attempt.
    if (ask("tag", "--list", tag)) run("git", "tag", "--delete", tag);
    run("git", "reset", "--hard", before);
    throw error;
  }
}

/** What the gate does not know, for the workflow that publishes. */
function checkTag(tag: string): void {
  const manifest: ReleaseState["manifest"] = JSON.parse(read("package.json"));
  const isNamed = findSection(read("CHANGELOG.md"), manifest.version) !== undefined;
  refuse([
    ...(tag === `v${manifest.version}`
      ? []
      : [`The tag is ${tag}, and package.json has ${manifest.version}.`]),
    ...(isNamed ? [] : [`CHANGELOG.md has no section for ${manifest.version}.`]),
    ...findMissingAddresses(manifest),
  ]);
  say(`${tag} may be published`);
}
