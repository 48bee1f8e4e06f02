import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const repository = fileURLToPath(new URL("../../", import.meta.url));

export type BareProject = {
  folder: string;
  write(path: string, text: string): void;
  /** Copies a folder of the repository into the project. */
  copy(from: string, to: string): void;
  /** Links a package of the repository, so that the project does not have to fetch it. */
  lend(name: string): void;
  /** Runs Node in the project. */
  node(...args: readonly string[]): SpawnSyncReturns<string>;
  npm(...args: readonly string[]): SpawnSyncReturns<string>;
  remove(): void;
};

/** Creates an empty project outside of the workspace, like an app that uses one of our packages. */
export function createBareProject(): BareProject {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "rollcall-bare-")));
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  write("package.json", JSON.stringify({ name: "bare", private: true, type: "module" }));
  return {
    folder,
    write,
    copy: (from, to) => cpSync(join(repository, from), join(folder, to), { recursive: true }),
    lend(name) {
      const target = join(folder, "node_modules", name);
      mkdirSync(dirname(target), { recursive: true });
      symlinkSync(join(repository, "node_modules", name), target);
    },
    node: (...args) => spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8" }),
    npm: (...args) => spawnSync("npm", args, { cwd: folder, encoding: "utf8" }),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/**
 * Why a test that installs packages is skipped, for its name; empty with a registry. With CI=true an unreachable registry is
 * an error.
 */
export function findSkipReason(): string {
  if (process.env["CI"] === "true") return "";
  const asked = spawnSync("npm", ["view", "react@18.3.1", "version", "--fetch-retries=0"], {
    cwd: tmpdir(),
  });
  return asked.status === 0 ? "" : " (skipped: no npm registry within reach)";
}
