import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleApp } from "../../../build/bundle-app.ts";
import { type Mutant, type MutantName, mutants, type Patch } from "./mutants.ts";

export type MutantBuild = {
  /** Holds `apps/*` and `packages/*` as the repository does, for a process to be started from. */
  root: string;
  remove(): Promise<void>;
};

const repository = fileURLToPath(new URL("../../../", import.meta.url));
const places = ["packages", "apps"];
/** The rest of a workspace is what a process in production has too: its build, its package.json, its SQL. */
const leftOut = new Set(["src", "node_modules", ".turbo"]);

/**
 * Copies the present build into a folder of its own and breaks it there. Third-party packages are those of the
 * repository; ours are the copy's.
 *
 * @throws Error that names the mutant when it no longer fits the build, or nothing was built
 */
export function buildMutant(name: MutantName): Promise<MutantBuild> {
  return buildChanged(name, getMutant(name).patches);
}

/** The same with changes of one's own; `name` is for the message when they do not fit. */
export async function buildChanged(name: string, patches: readonly Patch[]): Promise<MutantBuild> {
  const root = await mkdtemp(join(tmpdir(), "rollcall-mutant-"));
  const remove = () => rm(root, { recursive: true, force: true });
  try {
    await copyBuild(root);
    for (const patch of patches) await applyPatch(root, name, patch);
    await Promise.all([bundleApp(root, "api"), bundleApp(root, "worker")]);
  } catch (error) {
    await remove();
    throw error;
  }
  return { root, remove };
}

function getMutant(name: string): Mutant {
  const mutant = mutants.find((one) => one.name === name);
  if (!mutant) throw new Error(`There is no mutant ${name}`);
  return mutant;
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

async function applyPatch(root: string, name: string, { file, find, replace }: Patch): Promise<void> {
  const path = join(root, file);
  const text = await readFile(path, "utf8").catch(() => {
    throw new Error(`Mutant ${name}: ${file} is not there; npm run build makes it`);
  });
  const [before, after, ...more] = text.split(find);
  if (before === undefined || after === undefined || more.length > 0) {
    const times = text.split(find).length - 1;
    throw new Error(`Mutant ${name} no longer fits: ${file} holds its text ${times} times instead of once`);
  }
  await writeFile(path, before + replace + after);
}
