import { readCpuUs } from "../../stage/process-usage.ts";
import { webhookSecret } from "../../stage/stage.ts";
import { startReference } from "../reference-process.ts";
import { compare, toRow } from "../report.ts";
import { runRounds, type Side } from "../rounds.ts";
import type { BenchCase } from "./case.ts";

const rounds = { quick: 5, full: 11 } as const;

/** From the start of a process until it is ready. A deployment or a crash lasts at least as long. */
export const startUpCase: BenchCase = {
  backends: ["redis", "postgres"],
  users: () => 0,
  run: async (stage, options) => {
    const app = (name: "api" | "worker"): Side => ({
      name: `${name}, until ready`,
      sample: async () => {
        const { pid, readyAfterMs, stop } = await stage.startApp(name);
        const cpuUs = await readCpuUs(pid);
        await stop();
        return { operations: 1, cpuUs, wallMs: readyAfterMs, latenciesMs: [readyAfterMs] };
      },
    });
    const bare: Side = {
      name: "bare Fastify and clients",
      sample: async () => {
        const { redisUrl, databaseUrl } = stage;
        const startedAtMs = performance.now();
        const { pid, stop } = await startReference(stage, "http-routes", {
          redisUrl,
          databaseUrl,
          webhookSecret,
          ensureAnswer: {},
        });
        const wallMs = performance.now() - startedAtMs;
        const cpuUs = await readCpuUs(pid);
        await stop();
        return { operations: 1, cpuUs, wallMs, latenciesMs: [wallMs] };
      },
    };
    const measured = await runRounds([app("api"), app("worker"), bare], {
      ...options,
      rounds: rounds[options.quick ? "quick" : "full"],
    });
    const [api, worker, reference] = measured;
    if (!api || !worker || !reference) throw new Error("A side was not measured");
    return {
      operation: "start",
      rows: measured.map(toRow),
      ratios: [compare(api, reference), compare(worker, reference)],
      verdicts: [],
    };
  },
};
