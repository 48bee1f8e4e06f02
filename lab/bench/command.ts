import { platform } from "node:os";
import { type ParseArgsConfig, parseArgs } from "node:util";
import { findRedisServer } from "@rollcall/local-services";
import { z } from "zod";
import { describeMachine, formatMachine } from "./report/machine.ts";
import { root } from "./stage/services.ts";

type Command<Options> = {
  usage: string;
  flags: NonNullable<ParseArgsConfig["options"]>;
  options: z.ZodType<Options>;
  /** @returns what came of it, for programs and for people */
  measure(options: Options, surroundings: Surroundings): Promise<{ figures: object; text: string }>;
};

/** What a measurement is given beside its options. */
type Surroundings = { redisBinary: string; signal: AbortSignal; say: (line: string) => void };

/**
 * Measures as the command line says, and prints the result below what is to be known of the machine.
 *
 * @param path where executables are looked for
 * @returns the exit code: 2 for wrong usage, 1 when something broke; a limit that is not reached is no failure
 */
export async function runCommand<Options extends { json: boolean }>(
  { usage, flags, options, measure }: Command<Options>,
  path: string | undefined,
): Promise<number> {
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const refuse = (sentence: string, code: 1 | 2 = 1) => {
    say(sentence);
    return code;
  };
  const chosen = readOptions(flags, options);
  if ("wrong" in chosen) return refuse(`${chosen.wrong}\n\n${usage.trimEnd()}`, 2);
  const redisBinary = findRedisServer(path);
  if (platform() !== "linux") return refuse("CPU times are read from /proc: this runs on Linux alone.");
  if (redisBinary === undefined) return refuse("redis-server or valkey-server has to be on PATH.");
  const signal = untilInterrupted();
  try {
    const machine = await describeMachine(root, redisBinary);
    const { figures, text } = await measure(chosen.right, { redisBinary, signal, say });
    process.stdout.write(
      chosen.right.json
        ? `${JSON.stringify({ machine, ...figures }, undefined, 2)}\n`
        : `${formatMachine(machine)}\n${text}`,
    );
    return 0;
  } catch (error) {
    return refuse(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
}

function readOptions<Options>(
  flags: Command<Options>["flags"],
  options: z.ZodType<Options>,
): { right: Options } | { wrong: string } {
  try {
    const read = options.safeParse(parseArgs({ options: flags }).values);
    return read.success ? { right: read.data } : { wrong: z.prettifyError(read.error) };
  } catch (error) {
    return { wrong: error instanceof Error ? error.message : String(error) };
  }
}

function untilInterrupted(): AbortSignal {
  const interruption = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.once(signal, () => interruption.abort(new Error("Interrupted")));
  return interruption.signal;
}
