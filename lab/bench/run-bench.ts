import { openServices, type Services } from "../stage/services.ts";
import { type Backend, startStage } from "../stage/stage.ts";
import type { BenchCase, CaseOptions } from "./cases/case.ts";
import { type CaseName, cases } from "./cases/cases.ts";
import { buildReferences } from "./reference-process.ts";
import type { CaseReport } from "./report.ts";

export type BenchOptions = {
  names: readonly CaseName[];
  backends: readonly Backend[];
  quick: boolean;
  redisBinary: string;
  profileDir?: string | undefined;
  signal: AbortSignal;
  say: (line: string) => void;
};

const extent = {
  full: { rounds: 7, caseMs: 90_000, totalMs: 3_600_000 },
  quick: { rounds: 3, caseMs: 10_000, totalMs: 160_000 },
} as const;

/** The time of a case beside its rounds: processes start, users are created, code is compiled. */
const setUpMs = 12_000;
/** On a busy machine, a case may take this long. No case begins with less time left. */
const longestMs = 40_000;

/**
 * Measures case after case. All processes are stopped at the end, also after a failure or an interrupt. On a busy machine
 * there are fewer rounds. When the time is up, the remaining cases are skipped with a message.
 */
export async function runBench(options: BenchOptions): Promise<CaseReport[]> {
  const { quick, redisBinary, say } = options;
  const { rounds, caseMs, totalMs } = extent[quick ? "quick" : "full"];
  const untilMs = Date.now() + totalMs;
  await buildReferences();
  const services = await openServices(redisBinary);
  const reports: CaseReport[] = [];
  try {
    const scenarios = listScenarios(options);
    for (const [index, { name, backend }] of scenarios.entries()) {
      const shareMs = (untilMs - Date.now()) / (scenarios.length - index) - setUpMs;
      if (untilMs - Date.now() < longestMs) {
        say(`${name} (${backend}) is skipped: the time is up`);
        continue;
      }
      const startedAtMs = Date.now();
      const { signal } = options;
      const caseOptions = { quick, rounds, budgetMs: Math.min(caseMs, shareMs), signal };
      reports.push(await runCase(services, name, backend, caseOptions, options.profileDir));
      say(`${name} (${backend}) took ${Math.round((Date.now() - startedAtMs) / 1_000)} s`);
    }
    return reports;
  } finally {
    await services.close();
  }
}

type Scenario = { name: CaseName; backend: Backend };

/** Redis comes first, because it has the limits. */
function listScenarios({ names, backends }: BenchOptions): Scenario[] {
  return backends.flatMap((backend) =>
    names.flatMap((name) => {
      const benchCase: BenchCase = cases[name];
      return benchCase.backends.includes(backend) ? [{ name, backend }] : [];
    }),
  );
}

async function runCase(
  services: Services,
  name: CaseName,
  backend: Backend,
  caseOptions: CaseOptions,
  profileDir: string | undefined,
): Promise<CaseReport> {
  const benchCase: BenchCase = cases[name];
  const stage = await startStage({ services, backend, users: benchCase.users(caseOptions), profileDir });
  try {
    return { name, backend, ...(await benchCase.run(stage, caseOptions)) };
  } finally {
    await stage.close();
  }
}
