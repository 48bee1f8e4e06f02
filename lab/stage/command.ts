import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { cpus, loadavg, platform, release, totalmem } from "node:os";
import { type ParseArgsConfig, parseArgs, promisify } from "node:util";
import { findRedisServer } from "@rollcall/local-services";
import { z } from "zod";
import { repository } from "./repository.ts";

type Command<Options> = {
  usage: string;
  flags: NonNullable<ParseArgsConfig["options"]>;
  options: z.ZodType<Options>;
  /** @returns the results, for programs (`json`) and for people (`text`) */
  measure(options: Options, environment: Environment): Promise<{ json: object; text: string }>;
};

type Environment = { redisBinary: string; signal: AbortSignal; say: (line: string) => void };

/**
 * Runs a measurement from the command line, and prints a description of the machine and the results.
 *
 * @param path the PATH on which executables are searched
 * @returns the exit code: 2 for wrong usage, 1 for a failure. A missed limit is no failure
 */
export async function runCommand<Options extends { json: boolean }>(
  { usage, flags, options, measure }: Command<Options>,
  path: string | undefined,
): Promise<number> {
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const fail = (sentence: string, code: 1 | 2 = 1) => {
    say(sentence);
    return code;
  };
  const read = readOptions(flags, options);
  if ("usageError" in read) return fail(`${read.usageError}\n\n${usage.trimEnd()}`, 2);
  const redisBinary = findRedisServer(path);
  if (platform() !== "linux") return fail("This command needs Linux: it reads CPU times from /proc.");
  if (redisBinary === undefined) return fail("This command needs redis-server or valkey-server on PATH.");
  const signal = untilInterrupted();
  try {
    const machine = await describeMachine(repository, redisBinary);
    const { json, text } = await measure(read.options, { redisBinary, signal, say });
    process.stdout.write(
      read.options.json
        ? `${JSON.stringify({ machine, ...json }, undefined, 2)}\n`
        : `${formatMachine(machine)}\n${text}`,
    );
    return 0;
  } catch (error) {
    return fail(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
}

function readOptions<Options>(
  flags: Command<Options>["flags"],
  options: z.ZodType<Options>,
): { options: Options } | { usageError: string } {
  try {
    const parsed = options.safeParse(parseArgs({ options: flags }).values);
    return parsed.success ? { options: parsed.data } : { usageError: z.prettifyError(parsed.error) };
  } catch (error) {
    return { usageError: error instanceof Error ? error.message : String(error) };
  }
}

function untilInterrupted(): AbortSignal {
  const interrupted = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.once(signal, () => interrupted.abort(new Error("Interrupted")));
  return interrupted.signal;
}

/** The machine and the versions of a measurement. */
type Machine = {
  at: string;
  commit: string;
  cpu: string;
  cores: number;
  memoryGb: number;
  kernel: string;
  node: string;
  redis: string;
  versions: Record<string, string>;
  /** Load average of one minute, before the measurement: the load by other programs. */
  load: number;
};

const packages = ["bullmq", "fastify", "ioredis", "pg", "undici", "zod"] as const;

async function describeMachine(root: string, redisBinary: string): Promise<Machine> {
  const { model = "unknown" } = cpus()[0] ?? {};
  const versions = await Promise.all(
    packages.map(async (name) => [name, await readVersion(root, name)] as const),
  );
  return {
    at: new Date().toISOString(),
    commit: await runProgram("git", ["-C", root, "rev-parse", "--short", "HEAD"]),
    cpu: model,
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 1024 ** 3),
    kernel: release(),
    node: process.version,
    redis: /v=(\S+)/.exec(await runProgram(redisBinary, ["--version"]))?.[1] ?? "unknown",
    versions: Object.fromEntries(versions),
    load: loadavg()[0] ?? 0,
  };
}

async function runProgram(file: string, args: string[]): Promise<string> {
  return promisify(execFile)(file, args).then(
    ({ stdout }) => stdout.trim(),
    () => "unknown",
  );
}

const manifest = z.object({ version: z.string() });

async function readVersion(root: string, name: string): Promise<string> {
  const text = await readFile(`${root}node_modules/${name}/package.json`, "utf8");
  return manifest.parse(JSON.parse(text)).version;
}

function formatMachine({
  cpu,
  cores,
  memoryGb,
  kernel,
  node,
  redis,
  versions,
  commit,
  load,
}: Machine): string {
  const libraries = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return `${cpu}, ${cores} cores, ${memoryGb} GB, Linux ${kernel}; load ${load.toFixed(1)} before the first case
node ${node}, Redis ${redis}, ${libraries.join(", ")}; commit ${commit}
`;
}
