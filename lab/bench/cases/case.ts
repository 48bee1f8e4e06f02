import type { CaseReport } from "../report/case-report.ts";
import type { Backend, Stage } from "../stage/stage.ts";

export type CaseOptions = {
  /** Smaller samples, fewer of them, and Redis alone where Postgres takes long. */
  quick: boolean;
  rounds: number;
  /** For the rounds of one case. */
  budgetMs: number;
  signal: AbortSignal;
};

/** Something that is measured beside what it should be compared with. */
export type BenchCase = {
  backends: readonly Backend[];
  /** Users that Clerk has at the start. */
  users(options: CaseOptions): number;
  run(stage: Stage, options: CaseOptions): Promise<Omit<CaseReport, "name" | "backend">>;
};
