import { fork } from "node:child_process";
import { once } from "node:events";
import { build } from "esbuild";
import { z } from "zod";
import { repository } from "../stage/repository.ts";
import { type Stage, webhookSecret } from "../stage/stage.ts";

/** Below node_modules, so that the references' imports resolve. */
const outdir = `${repository}node_modules/.cache/rollcall-bench`;

type ReferenceName = "http-routes" | "noop-worker" | "list-walker" | "bulk-inserter" | "peer-worker";

/**
 * A process to compare with: a minimal program for the same task. It is built JavaScript like the apps, so no loader is
 * measured. Its packages are not bundled, so in `start-up` it reads more files than the apps.
 */
type ReferenceProcess = {
  readonly pid: number;
  /** Its first message, when it is ready. */
  readonly ready: unknown;
  /** Sends a request, and resolves with the answer. */
  ask(request: object): Promise<unknown>;
  stop(): Promise<void>;
};

const answerTimeoutMs = 600_000;

/** Compiles the references. */
export async function buildReferences(): Promise<void> {
  const names = [
    "http-routes",
    "noop-worker",
    "list-walker",
    "bulk-inserter",
    "peer-worker",
  ] satisfies ReferenceName[];
  await build({
    entryPoints: names.map((name) => `${repository}lab/bench/references/${name}.ts`),
    outdir,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    packages: "external",
    format: "esm",
    platform: "node",
    target: "node20",
    logLevel: "warning",
  });
}

/** Starts a reference and waits for its first message. @throws Error if it exits before */
export async function startReference(
  { profileDir, onClose }: Stage,
  name: ReferenceName,
  options: Readonly<Record<string, unknown>>,
): Promise<ReferenceProcess> {
  const profiling = profileDir === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profileDir}`];
  const child = fork(`${outdir}/${name}.mjs`, [JSON.stringify(options)], {
    execArgv: profiling,
    env: { PATH: process.env["PATH"] ?? "" },
  });
  const receive = async (): Promise<unknown> => {
    const ended = new AbortController();
    const signal = AbortSignal.any([ended.signal, AbortSignal.timeout(answerTimeoutMs)]);
    const exits = once(child, "exit", { signal }).then(() => {
      throw new Error(`The reference ${name} ended`);
    });
    exits.catch(() => undefined);
    try {
      const [message] = await Promise.race([once(child, "message", { signal }), exits]);
      return message;
    } finally {
      ended.abort();
    }
  };
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    const force = setTimeout(() => child.kill("SIGKILL"), 5_000);
    await ended;
    clearTimeout(force);
  };
  onClose(stop);
  const ready = await receive();
  if (child.pid === undefined) throw new Error(`The reference ${name} has no pid`);
  return {
    pid: child.pid,
    ready,
    ask: (request) => {
      const answer = receive();
      child.send(request);
      return answer;
    },
    stop,
  };
}

const readySchema = z.object({ url: z.string() });

/** Starts the HTTP routes to compare with. @param ensureAnswer the answer of every ensure call */
export async function startHttpReference(
  stage: Stage,
  ensureAnswer: unknown,
): Promise<{ pid: number; url: string }> {
  const { redisUrl, databaseUrl } = stage;
  const { pid, ready } = await startReference(stage, "http-routes", {
    redisUrl,
    databaseUrl,
    webhookSecret,
    ensureAnswer: ensureAnswer ?? {},
  });
  return { pid, url: readySchema.parse(ready).url };
}
