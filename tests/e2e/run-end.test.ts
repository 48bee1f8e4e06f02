import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { makeProcessFolder } from "../harness/process.ts";
import { untilGone } from "../harness/standalone.ts";
import { waitFor } from "../harness/wait-for.ts";

const vitest = fileURLToPath(new URL("../../node_modules/vitest/vitest.mjs", import.meta.url));
const root = fileURLToPath(new URL("run-end", import.meta.url));

test.concurrent.each([
  ["the runner is killed with -9", "SIGKILL", (pid: number) => pid],
  // A terminal sends its signals to every process of the foreground group.
  ["Ctrl-C", "SIGINT", (pid: number) => -pid],
  ["the terminal is closed", "SIGHUP", (pid: number) => -pid],
] as const)("after %s no process and no file of the run is left", async (_how, signal, target) => {
  const cwd = makeProcessFolder();
  const out = join(cwd, "started.json");
  const runner = spawn(process.execPath, [vitest, "run", "--root", root], {
    cwd,
    detached: true,
    env: { PATH: process.env["PATH"], TMPDIR: cwd, STARTED_FILE: out },
    stdio: "ignore",
  });
  const { pids, folder } = await waitFor("the run", () => readStarted(out), 100_000);
  expect(existsSync(folder)).toBe(true);
  process.kill(target(runner.pid ?? 0), signal);
  await untilGone([...pids, runner.pid ?? 0]);
  await waitFor("the folder to be gone", async () => (existsSync(folder) ? undefined : true));
});

/** The processes and the folder of endless-run.ts. */
type Started = { pids: number[]; folder: string };

async function readStarted(path: string): Promise<Started | undefined> {
  // The cast is not checked: a missing property fails the test.
  return existsSync(path) ? (JSON.parse(await readFile(path, "utf8")) as Started) : undefined;
}
