import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/**
 * The programs of commit 0eadaf9b, made by `pack-earlier-build.ts`. They are stored, because a clone may lack the history,
 * and a second build would take half a minute. Once a version is on npm, the one before can come from there.
 */
const packed = fileURLToPath(new URL("rollcall-0eadaf9b.tgz", import.meta.url));
const repository = fileURLToPath(new URL("../../../", import.meta.url));

const programs = {
  "apps/api/dist/main.js": "api",
  "apps/worker/dist/main.js": "worker",
  "apps/cli/dist/migrate/main.js": "migrate",
};

export type EarlierBuild = {
  /** Has the programs at the places that they have in the repository. */
  root: string;
  /** Its migrations, oldest first. */
  migrations: readonly string[];
  remove(): Promise<void>;
};

/** Unpacks the earlier build into a folder of its own. Third-party packages are the repository's. */
export async function unpackEarlierBuild(): Promise<EarlierBuild> {
  const root = await mkdtemp(join(tmpdir(), "rollcall-earlier-"));
  await promisify(execFile)("tar", ["-xzf", packed, "-C", root]);
  await symlink(join(repository, "node_modules"), join(root, "node_modules"));
  for (const [path, program] of Object.entries(programs)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), `import ${JSON.stringify(join(root, "dist", `${program}.js`))};\n`);
  }
  const files = await readdir(join(root, "sql/migrations"));
  const migrations = files.filter((file) => file.endsWith(".up.sql")).map((file) => file.slice(0, -7));
  return { root, migrations: migrations.sort(), remove: () => rm(root, { recursive: true, force: true }) };
}
