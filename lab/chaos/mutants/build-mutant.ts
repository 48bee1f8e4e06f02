import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { bundleApp } from "../../../build/bundle-app.ts";
import { repository } from "../../stage/repository.ts";

/** One change of the build. */
export type Patch = {
  /** A built file, or a folder whose `.js` and `.up.sql` files are searched. From the repository's root. */
  within: string;
  /** Must match exactly once, or the mutant no longer fits the build. */
  find: RegExp;
  /** As in `String.replace`: `$1` is the first group. */
  replace: string;
};

export type MutantBuild = {
  /** Holds `apps/*` and `packages/*` like the repository. Processes start from it. */
  root: string;
  remove(): Promise<void>;
};

const places = ["packages", "apps"];
/** The rest of a workspace is what a process has in production: its build, its package.json, its SQL. */
const leftOut = new Set(["src", "node_modules", ".turbo"]);

/**
 * Copies the present build into a folder of its own and patches the copy. Third-party packages are the repository's.
 *
 * @param name of the change, for the error's message
 * @throws Error if a patch does not fit the build, or if the build is missing
 */
export async function buildChanged(name: string, patches: readonly Patch[]): Promise<MutantBuild> {
  const root = await mkdtemp(join(tmpdir(), "rollcall-mutant-"));
  const remove = () => rm(root, { recursive: true, force: true });
  try {
    await copyBuild(root);
    for (const patch of patches) await applyPatch(root, name, patch);
    // The cli migrates, so a patch of the tables needs it too.
    await Promise.all([bundleApp(root, "api"), bundleApp(root, "worker"), bundleApp(root, "cli")]);
  } catch (error) {
    await remove();
    throw error;
  }
  return { root, remove };
}

async function copyBuild(root: string): Promise<void> {
  const scope = join(root, "node_modules", "@rollcall");
  await mkdir(scope, { recursive: true });
  for (const place of places) {
    for (const workspace of await readdir(join(repository, place))) {
      await cp(join(repository, place, workspace), join(root, place, workspace), {
        recursive: true,
        filter: (source) => !leftOut.has(basename(source)),
      });
      await symlink(join(root, place, workspace), join(scope, workspace));
    }
  }
  const thirdParty = await readdir(join(repository, "node_modules"));
  for (const entry of thirdParty) {
    if (entry === "@rollcall" || entry.startsWith(".")) continue;
    await symlink(join(repository, "node_modules", entry), join(root, "node_modules", entry));
  }
}

async function applyPatch(root: string, name: string, patch: Patch): Promise<void> {
  const matches = await findMatches(root, patch);
  const [file, ...more] = matches;
  if (file === undefined || more.length > 0) {
    const found = `found ${matches.length} times instead of once in ${patch.within}`;
    throw new Error(`Mutant ${name} no longer fits the build: ${patch.find} is ${found}`);
  }
  const path = join(root, file);
  const text = await readFile(path, "utf8");
  await writeFile(path, text.replace(patch.find, patch.replace));
}

/** The file of each match, from `root`. A file with two matches is listed twice. */
export async function findMatches(root: string, { within, find }: Patch): Promise<string[]> {
  const matches: string[] = [];
  for (const file of await listFiles(root, within)) {
    const text = await readFile(join(root, file), "utf8");
    for (const _ of text.matchAll(new RegExp(find, "g"))) matches.push(file);
  }
  return matches;
}

async function listFiles(root: string, within: string): Promise<string[]> {
  const found = await stat(join(root, within)).catch(() => undefined);
  if (!found) throw new Error(`${within} is missing; npm run build makes it`);
  if (found.isFile()) return [within];
  const entries = await readdir(join(root, within), { recursive: true });
  return entries
    .filter((entry) => entry.endsWith(".js") || entry.endsWith(".up.sql"))
    .map((entry) => join(within, entry))
    .filter(hasSource);
}

/** A build does not delete the output of a source that was moved or deleted. */
function hasSource(file: string): boolean {
  const source = file.replace(/\/dist\/(modules\/)?/, "/src/").replace(/\.js$/, ".ts");
  return existsSync(join(repository, source));
}
