import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { runFolderVariable } from "../run-folder.ts";
import { waitFor } from "./wait-for.ts";

const repository = fileURLToPath(new URL("../../", import.meta.url));

export type RunningProcess = {
  child: ChildProcess;
  /** All output of the process, standard output and error together. */
  output(): string;
  /** Resolves with the exit code, or the signal's name. */
  exited: Promise<number | string>;
  stop(signal?: NodeJS.Signals): Promise<number | string>;
};

/**
 * Creates a folder inside the folder of the run. A child process that works in the repository would find the
 * `.rollcall/` of a developer's `npm start` and would act on that system.
 *
 * @throws Error without a run, because then nothing would end the process
 */
export function makeProcessFolder(): string {
  const runFolder = process.env[runFolderVariable];
  if (!runFolder) throw new Error("Tests start a process only in a run's folder: see tests/run-folder.ts");
  return mkdtempSync(join(runFolder, "process-"));
}

/**
 * Runs a built entry point as its own process, in a folder of its own, with nothing in its environment but PATH and
 * `environment`.
 *
 * @param entry from the repository's root, or absolute for another build
 * @param folder in which it runs
 */
export function runProcess(
  entry: string,
  environment: Record<string, string>,
  args: readonly string[] = [],
  folder?: string,
): RunningProcess {
  return runProgram(process.execPath, [resolve(repository, entry), ...args], environment, folder);
}

/** The same for any program. */
export function runProgram(
  program: string,
  args: readonly string[],
  environment: Record<string, string>,
  folder = makeProcessFolder(),
): RunningProcess {
  const child = spawn(program, args, {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  return followProcess(child);
}

/** @param child with pipes for its output */
export function followProcess(child: ChildProcess): RunningProcess {
  const chunks: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (chunk: string) => chunks.push(chunk));
  }
  // At the event "exit", the last lines may still be in the pipe.
  const exited = once(child, "close").then(([code, signal]) => code ?? signal);
  return {
    child,
    output: () => chunks.join(""),
    exited,
    stop: async (signal = "SIGTERM") => {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      return exited;
    },
  };
}

/** Waits until a live process has written this. A line comes through a pipe, so it may be later than an answer. */
export async function untilOutput({ output }: RunningProcess, text: string): Promise<void> {
  await waitFor(`the output ${text}`, async () => (output().includes(text) ? true : undefined));
}
