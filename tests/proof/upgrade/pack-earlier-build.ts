/**
 * Packs the build of a commit, so that tests can run it beside the present one. It needs the history and the registry:
 *
 *   npx tsx tests/proof/upgrade/pack-earlier-build.ts 0eadaf9b
 *
 * Two runs write the same bytes. The pages and the programs that only `npm start` needs are left out.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const repository = fileURLToPath(new URL("../../../", import.meta.url));
const [commit] = process.argv.slice(2);
if (commit === undefined) throw new Error("Name a commit");

const tree = join(mkdtempSync(join(tmpdir(), "rollcall-earlier-")), "tree");
const run = (program: string, args: string[], cwd: string) =>
  execFileSync(program, args, { cwd, stdio: "inherit" });
try {
  run("git", ["worktree", "add", "--detach", tree, commit], repository);
  run("npm", ["ci", "--no-audit", "--no-fund"], tree);
  run("npm", ["run", "build"], tree);
  const target = join(repository, `tests/proof/upgrade/rollcall-${commit}.tgz`);
  const sameBytes = ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner"];
  const leftOut = ["dev", "guard", "simulator"].map((name) => `--exclude=dist/${name}.js`);
  const packed = ["--use-compress-program=gzip -9n", "-cf", target, "package.json", "dist", "sql"];
  run("tar", [...sameBytes, ...leftOut, ...packed], join(tree, "apps/rollcall/dist"));
} finally {
  run("git", ["worktree", "remove", "--force", tree], repository);
  rmSync(join(tree, ".."), { recursive: true, force: true });
}
