import { existsSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

type Manifest = Record<string, unknown> & { name: string; version: string; private?: boolean };
type Lock = Manifest & { packages: Record<string, Record<string, unknown>> };

const dependencyKinds = ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"];

/**
 * Gives every workspace the same version, and the section of the changelog its name. The published packages get the
 * addresses of the root's package.json. Nothing is asked of npm, which may drop other platforms from the lockfile.
 *
 * @param date as in 2026-11-30
 * @returns the changed files
 */
export async function writeVersion(root: string, version: string, date: string): Promise<string[]> {
  const manifest: Manifest = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  const folders = await listWorkspaces(root);
  for (const folder of ["", ...folders])
    await edit(join(root, folder, "package.json"), (text) => {
      const read: Manifest = JSON.parse(text);
      return print(addAddresses(manifest, setVersion(read, version), folder));
    });
  await edit(join(root, "package-lock.json"), (text) => {
    const lock: Lock = JSON.parse(text);
    lock.version = version;
    for (const folder of ["", ...folders]) setVersion(lock.packages[folder] ?? {}, version);
    return print(lock);
  });
  await edit(join(root, "packages/contracts/src/version.ts"), (text) =>
    text.replace(/version = "[^"]+"/, `version = "${version}"`),
  );
  await edit(join(root, "CHANGELOG.md"), (text) =>
    text.replace(/^## Unreleased$/m, `## Unreleased\n\n## ${version} (${date})`),
  );
  const manifests = ["", ...folders].map((folder) => join(folder, "package.json"));
  return [...manifests, "package-lock.json", "packages/contracts/src/version.ts", "CHANGELOG.md"];
}

async function edit(path: string, change: (text: string) => string): Promise<void> {
  await writeFile(path, change(await readFile(path, "utf8")));
}

async function listWorkspaces(root: string): Promise<string[]> {
  const kinds = await Promise.all(
    ["packages", "apps", "examples"].map(async (kind) =>
      (await readdir(join(root, kind))).map((name) => `${kind}/${name}`),
    ),
  );
  // A folder of an earlier workspace may be left, with its build alone.
  return kinds.flat().filter((folder) => existsSync(join(root, folder, "package.json")));
}

/** Workspaces name each other by exact versions. */
function setVersion<Read extends Record<string, unknown>>(read: Read, version: string): Read {
  for (const kind of dependencyKinds) {
    const names = (read[kind] ?? {}) as Record<string, string>;
    for (const name of Object.keys(names)) if (name.startsWith("@rollcall/")) names[name] = version;
  }
  return Object.assign(read, { version });
}

function addAddresses(root: Manifest, read: Manifest, folder: string): Manifest {
  if (folder === "" || read.private) return read;
  const { repository, homepage, bugs } = root;
  const addresses = { repository: placeIn(repository, folder), homepage, bugs };
  return { ...read, ...Object.fromEntries(Object.entries(addresses).filter(([, value]) => value)) };
}

/** npm shows the folder of a package in a repository of several. */
export function placeIn(repository: unknown, directory: string): unknown {
  return typeof repository === "object" ? { ...repository, directory } : repository;
}

function print(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
