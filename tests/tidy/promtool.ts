import { spawnSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** promtool comes with Debian's prometheus. With CI=true a missing one is an error. */
export const hasPromtool = spawnSync("promtool", ["--version"], { cwd: tmpdir() }).status === 0;
if (!hasPromtool && process.env["CI"] === "true")
  throw new Error("CI must test the rules too: put promtool on PATH");

/** For the name of a test that is skipped without it. */
export const orSkipped = hasPromtool ? "" : " (skipped: no promtool on PATH)";

/** Runs promtool in the folder of the run. @returns its exit code and all it printed */
export function runPromtool(...args: string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync("promtool", args, { cwd: tmpdir(), encoding: "utf8" });
  return { status, output: stdout + stderr };
}

/** Writes a file for promtool into the folder of the run. @returns its path */
export function writeForPromtool(name: string, text: string): string {
  const path = join(mkdtempSync(join(tmpdir(), "promtool-")), name);
  writeFileSync(path, text);
  return path;
}
