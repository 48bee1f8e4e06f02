import { chmod, cp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { placeIn } from "../release/write-version.ts";
import { bundlePrograms, type NpmImport } from "./bundle-programs.ts";

type Manifest = Record<string, unknown> & { dependencies?: Record<string, string> };

/**
 * Makes the package `rollcall` as it goes to npm, in `dist` of `folder`. Its name, version and addresses are those of
 * the root's package.json. Its dependencies are what its programs import, in the versions of the lockfile.
 */
export async function stagePackage(root: string, folder: string): Promise<void> {
  const dist = join(folder, "dist");
  await rm(dist, { recursive: true, force: true });
  const imports = await bundlePrograms(root, join(dist, "dist"));
  const program = join(dist, "dist/rollcall.js");
  await writeFile(program, `#!/usr/bin/env node\n${await readFile(program, "utf8")}`);
  await chmod(program, 0o755);
  const copies = {
    "packages/db/migrations": "sql/migrations",
    "packages/db/roles.sql": "sql/roles.sql",
    "packages/clerk-simulator/src/page/static": "simulator",
    "apps/console/dist": "console",
    "apps/rollcall/README.md": "README.md",
    // The commands name it where a variable is missing.
    ".env.example": ".env.example",
    LICENSE: "LICENSE",
    // Its code is part of a program: see `bundlePrograms`.
    "node_modules/@opentelemetry/api/LICENSE": "licenses/opentelemetry.txt",
  };
  for (const [from, to] of Object.entries(copies))
    await cp(join(root, from), join(dist, to), { recursive: true });
  const manifest = describePackage({
    root: await readManifest(join(root, "package.json")),
    localServices: await readManifest(join(root, "packages/local-services/package.json")),
    lock: await readManifest(join(root, "package-lock.json")),
    imports,
  });
  await writeFile(join(dist, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** Files of this repository that npm or the author wrote. */
async function readManifest(path: string): Promise<Manifest> {
  return JSON.parse(await readFile(path, "utf8"));
}

type Sources = { root: Manifest; localServices: Manifest; lock: Manifest; imports: readonly NpmImport[] };

function describePackage({ root, localServices, lock, imports }: Sources): Manifest {
  const { name, version, description, license, engines, repository, homepage, bugs } = root;
  return {
    name,
    version,
    description,
    keywords: ["clerk", "user-sync", "webhooks", "postgres", "bullmq", "reconcile", "provisioning", "cli"],
    ...{ license, homepage, bugs, repository: placeIn(repository, "apps/rollcall") },
    type: "module",
    bin: { rollcall: "dist/rollcall.js" },
    exports: { "./package.json": "./package.json" },
    files: ["dist", "licenses", "sql", "simulator", "console", ".env.example"],
    engines,
    publishConfig: { access: "public", provenance: true },
    dependencies: readVersions(lock, imports),
    // The binaries of the Postgres of `rollcall dev`, which api and worker do without.
    optionalDependencies: localServices["optionalDependencies"],
  };
}

type Locked = {
  version?: string;
  peerDependencies?: Record<string, string>;
  peerDependenciesMeta?: Record<string, { optional?: boolean }>;
};

/**
 * The versions of the imported packages, and of the packages that these require beside them.
 *
 * @throws Error if the lockfile lacks a package, or two of our packages import different versions of it
 */
function readVersions(lock: Manifest, imports: readonly NpmImport[]): Record<string, string> {
  // npm wrote the file.
  const packages = lock["packages"] as Record<string, Locked | undefined>;
  const versions = new Map<string, string>();
  for (const { name, workspace } of imports) add(name, workspace);
  return Object.fromEntries([...versions].sort(([a], [b]) => a.localeCompare(b)));

  function add(name: string, workspace: string): void {
    const installed = packages[`${workspace}/node_modules/${name}`] ?? packages[`node_modules/${name}`];
    if (!installed?.version) throw new Error(`${workspace} needs ${name}, which package-lock.json lacks`);
    const other = versions.get(name);
    if (other !== undefined && other !== installed.version)
      throw new Error(`${workspace} needs ${name} ${installed.version}, and another package ${other}`);
    versions.set(name, installed.version);
    for (const peer of Object.keys(installed.peerDependencies ?? {}))
      if (!installed.peerDependenciesMeta?.[peer]?.optional) add(peer, workspace);
  }
}
