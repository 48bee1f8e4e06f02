import type { Services } from "../../stage/services.ts";
import type { PartReport } from "../report.ts";
import type { FilledDatabase } from "../rows/fill-database.ts";

/** Shared by all parts of one run. */
export type Study = {
  readonly services: Services;
  /** The number of rows, for parts that depend on it. */
  readonly users: number;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
  /** A database with `users` rows. The first call fills it. */
  filled(): Promise<FilledDatabase>;
};

/** One part of the scale study. */
export type ScalePart = (study: Study) => Promise<Omit<PartReport, "part">>;
