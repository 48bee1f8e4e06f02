import { execFile } from "node:child_process";
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The variables of a model that its lines print, by name. */
export type ModelState = Readonly<Record<string, number>>;

/** A step of a process, between two states of the model. */
export type ModelStep = {
  label: string;
  process: number;
  /** Both states as the model prints them: they name the nodes of the graph. */
  from: string;
  to: string;
  after: ModelState;
};

/** All steps that the model can make, or all until the first that breaks an invariant. */
export type Checked = {
  steps: ModelStep[];
  states: number;
  /** The step after which an invariant does not hold. */
  broken: ModelStep | undefined;
};

const includes = ["steps.pml"];
/** A model has some thousand states, which are searched in less than a second. */
const limits = { timeout: 120_000, maxBuffer: 256 * 1024 * 1024 };

/**
 * Searches every state of a model with Spin, and reads each step from what the search prints.
 *
 * @param model the file's name without `.pml`
 * @param macros choose a variant of the model, or put a known bug into it
 * @throws when the model does not compile, ends in a deadlock, or is too large to search
 */
export async function checkModel(model: string, macros: readonly string[] = []): Promise<Checked> {
  const folder = await mkdtemp(join(tmpdir(), "model-"));
  try {
    const source = `${model}.pml`;
    for (const name of [source, ...includes])
      await copyFile(fileURLToPath(new URL(name, import.meta.url)), join(folder, name));
    const options = { cwd: folder, ...limits };
    // Spin would otherwise reset variables that only the printed lines read (-o2).
    await run("spin", ["-o2", ...macros.map((macro) => `-D${macro}`), "-a", source], options);
    // Every step is printed, so no order of steps may be left out as equal to another (NOREDUCE).
    const flags = ["-O0", "-w", "-DSAFETY", "-DNOREDUCE", "-DPRINTF", "-o", "pan", "pan.c"];
    await run("gcc", flags, options);
    const { stdout } = await run(join(folder, "pan"), ["-w18", "-m100000"], options);
    return readSearch(stdout);
  } finally {
    await rm(folder, { recursive: true });
  }
}

function readSearch(output: string): Checked {
  const lines = output.split("\n");
  const steps = lines.flatMap((line) => readStep(line) ?? []);
  const errors = readNumber(output, /errors: (\d+)/);
  const states = readNumber(output, /(\d+) states, stored/);
  const isAsserted = output.includes("assertion violated");
  if (errors > 0 && !isAsserted) throw new Error(`The search failed:\n${lines.slice(-60).join("\n")}`);
  if (/max search depth too small|out of memory/.test(output)) throw new Error("The search is not complete");
  return { steps, states, broken: isAsserted ? steps.at(-1) : undefined };
}

/** A line of `steps.pml`: `step label process ; variables -> variables`. */
function readStep(line: string): ModelStep | undefined {
  const match = /^step (\S+) (\d+) ; (.*) -> (.*) $/.exec(line);
  if (!match) return undefined;
  const [, label = "", process, from = "", to = ""] = match;
  return { label, process: Number(process), from, to, after: readState(to) };
}

function readState(text: string): ModelState {
  const pairs = text.split(" ");
  return Object.fromEntries(
    pairs.map((pair) => {
      const [name = "", value] = pair.split("=");
      return [name, Number(value)];
    }),
  );
}

function readNumber(output: string, pattern: RegExp): number {
  const found = pattern.exec(output)?.[1];
  if (found === undefined) throw new Error(`The search printed no summary:\n${output.slice(-2_000)}`);
  return Number(found);
}
