import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const repository = fileURLToPath(new URL("../../", import.meta.url));
/** Below node_modules, so that what the references import is found from there. */
const outdir = `${repository}node_modules/.cache/rollcall-bench`;

export type ReferenceName = "http-routes" | "noop-worker" | "list-walker";

/**
 * A process to compare with: as little as would do the same. JavaScript like ours, so that no loader is measured; its packages
 * stay outside, so that in `start-up` it reads more files than ours.
 */
export type ReferenceProcess = {
  readonly pid: number;
  /** What it said when it was ready. */
  readonly ready: unknown;
  /** Has it do something, and resolves with its answer. */
  ask(question: object): Promise<unknown>;
  stop(): Promise<void>;
};

const answerTimeoutMs = 600_000;

/** Makes JavaScript of the references. */
export async function buildReferences(): Promise<void> {
  const names = ["http-routes", "noop-worker", "list-walker"] satisfies ReferenceName[];
  await build({
    entryPoints: names.map((name) => `${repository}bench/references/${name}.ts`),
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

/** Starts a reference and waits until it says that it is ready. @throws Error when it ends before */
export async function startReference(
  name: ReferenceName,
  options: Readonly<Record<string, unknown>>,
  profileDir?: string,
): Promise<ReferenceProcess> {
  const profiling = profileDir === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profileDir}`];
  const child = fork(`${outdir}/${name}.mjs`, [JSON.stringify(options)], {
    execArgv: profiling,
    env: { PATH: process.env["PATH"] ?? "" },
  });
  const hear = async (): Promise<unknown> => {
    const ended = new AbortController();
    const signal = AbortSignal.any([ended.signal, AbortSignal.timeout(answerTimeoutMs)]);
    const dies = once(child, "exit", { signal }).then(() => {
      throw new Error(`The reference ${name} ended`);
    });
    dies.catch(() => undefined);
    try {
      const [message] = await Promise.race([once(child, "message", { signal }), dies]);
      return message;
    } finally {
      ended.abort();
    }
  };
  const ready = await hear();
  if (child.pid === undefined) throw new Error(`The reference ${name} has no pid`);
  return {
    pid: child.pid,
    ready,
    ask: (question) => {
      const answer = hear();
      child.send(question);
      return answer;
    },
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      const force = setTimeout(() => child.kill("SIGKILL"), 5_000);
      await ended;
      clearTimeout(force);
    },
  };
}
