import type { Services } from "../../bench/stage/services.ts";
import type { PartReport } from "../report/part-report.ts";
import type { FilledDatabase } from "../rows/filled-database.ts";

/** What the parts of one study share. */
export type Study = {
  readonly services: Services;
  /** How many users there are, where their number matters. */
  readonly users: number;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
  /** A database with so many users in it. Filled when it is first asked for, once. */
  filled(): Promise<FilledDatabase>;
};

/** One question of the study. */
export type ScalePart = (study: Study) => Promise<Omit<PartReport, "part">>;
