import type { Backend, Stage } from "../../stage/stage.ts";
import type { CaseReport } from "../report.ts";

export type CaseOptions = {
  /** Smaller and fewer samples. */
  quick: boolean;
  rounds: number;
  /** The time for all rounds of a case. */
  budgetMs: number;
  signal: AbortSignal;
};

/** A measurement beside its reference. */
export type BenchCase = {
  backends: readonly Backend[];
  /** The number of users at Clerk at the start. */
  users(options: CaseOptions): number;
  run(stage: Stage, options: CaseOptions): Promise<Omit<CaseReport, "name" | "backend">>;
};
