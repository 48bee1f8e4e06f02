import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { cpus, loadavg, release, totalmem } from "node:os";
import { promisify } from "node:util";
import { z } from "zod";

/** Where and with what was measured. */
export type Machine = {
  at: string;
  commit: string;
  cpu: string;
  cores: number;
  memoryGb: number;
  kernel: string;
  node: string;
  redis: string;
  versions: Record<string, string>;
  /** Of one minute, before the first case: what others do on this machine. */
  load: number;
};

const packages = ["bullmq", "fastify", "ioredis", "pg", "undici", "zod"] as const;

export async function describeMachine(root: string, redisBinary: string): Promise<Machine> {
  const { model = "unknown" } = cpus()[0] ?? {};
  const versions = await Promise.all(
    packages.map(async (name) => [name, await readVersion(root, name)] as const),
  );
  return {
    at: new Date().toISOString(),
    commit: await ask("git", ["-C", root, "rev-parse", "--short", "HEAD"]),
    cpu: model,
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 1024 ** 3),
    kernel: release(),
    node: process.version,
    redis: /v=(\S+)/.exec(await ask(redisBinary, ["--version"]))?.[1] ?? "unknown",
    versions: Object.fromEntries(versions),
    load: loadavg()[0] ?? 0,
  };
}

async function ask(file: string, args: string[]): Promise<string> {
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

export function formatMachine({
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
