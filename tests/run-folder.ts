import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Names the folder to the tests. */
export const runFolderVariable = "ROLLCALL_TEST_FOLDER";

type Run = { users: number; watch: ChildProcess; outerTmpdir: string | undefined };

/** Each project evaluates this module again, and all projects share one run. */
const shared: { [key: symbol]: Run | undefined } = globalThis as never;
const key = Symbol.for("rollcall test run");

/**
 * Gives the run a folder for everything that its tests write. It becomes the temporary folder of every test and of its
 * child processes. A watch process ends everything that still runs there after the runner is gone: see run-watch.js.
 */
export default function openRunFolder(): () => Promise<void> {
  const run = shared[key] ?? startRun();
  shared[key] = run;
  run.users++;
  return async () => {
    if (--run.users > 0) return;
    shared[key] = undefined;
    restore("TMPDIR", run.outerTmpdir);
    restore(runFolderVariable, undefined);
    const ended = once(run.watch, "exit");
    run.watch.stdin?.end();
    await ended;
  };
}

function startRun(): Run {
  const outerTmpdir = process.env["TMPDIR"];
  const folder = mkdtempSync(join(tmpdir(), "rollcall-tests-"));
  // Postgres runs as another user when the tests run as root.
  chmodSync(folder, 0o755);
  const program = fileURLToPath(new URL("harness/run-watch.js", import.meta.url));
  const watch = spawn(process.execPath, [program, folder], {
    cwd: "/",
    // In a session of its own, Ctrl-C and a closed terminal do not reach it.
    detached: true,
    stdio: ["pipe", "ignore", "inherit"],
  });
  watch.unref();
  process.env["TMPDIR"] = folder;
  process.env[runFolderVariable] = folder;
  return { users: 0, watch, outerTmpdir };
}

function restore(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}
