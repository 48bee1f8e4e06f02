import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { z } from "zod";
import { appNames } from "../apps.ts";
import type { Plan } from "../plan/plan.ts";

/** One run of a series: a line of JSON in the series' file. */
const runRecord = z.object({
  seed: z.number().int(),
  events: z.number().int(),
  backend: z.enum(["redis", "postgres"]),
  mapping: z.enum(appNames),
  shards: z.number().int(),
  /** The build's commit. */
  commit: z.string(),
  /** The commit of the second build, if one api and one worker were of another one. */
  otherCommit: z.string().optional(),
  /** error: the run ended without a verdict, and is run again. */
  result: z.enum(["held", "broken", "error"]),
  /** The broken invariants, or the error. */
  broken: z.array(z.string()).optional(),
  seconds: z.number(),
  faults: z.number().int(),
  /** The machine's load average at the end. */
  load: z.number(),
  /** ISO 8601. */
  at: z.string(),
  /** Why an invariant was broken. It is written by hand once that is known. */
  cause: z.string().optional(),
});

export type RunRecord = z.infer<typeof runRecord>;

/** What a series runs. Two runs with the same values are one run done twice. */
export type RunKey = Pick<RunRecord, "seed" | "events" | "backend" | "mapping" | "shards" | "otherCommit">;

/** The runs of a series; none if the file is missing. @throws Error that names a line that is no record */
export function readRuns(file: string): RunRecord[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8")
    .split("\n")
    .flatMap((line, index) => {
      if (line.trim() === "") return [];
      const { data, error } = runRecord.safeParse(parse(line));
      if (data) return [data];
      throw new Error(`${file}:${index + 1} is no record of a run: ${error?.message}`);
    });
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** Appends one line in one write, so that an interruption leaves whole lines only. */
export function appendRun(file: string, record: RunRecord): void {
  appendFileSync(file, `${JSON.stringify(runRecord.parse(record))}\n`);
}

export function keyOf(plan: Plan, events: number, otherCommit?: string): RunKey {
  const { seed, backend, shards, app: mapping } = plan;
  return { seed, events, backend, mapping, shards, ...(otherCommit !== undefined && { otherCommit }) };
}

/**
 * Finds whether a run has its verdict already. Builds with uncommitted changes may differ, so none counts for another.
 *
 * @param commit of the build; undefined: a verdict of any commit counts
 */
export function hasVerdict(runs: readonly RunRecord[], key: RunKey, commit: string | undefined): boolean {
  return runs.some(
    (run) =>
      run.result !== "error" &&
      run.seed === key.seed &&
      run.events === key.events &&
      run.backend === key.backend &&
      run.mapping === key.mapping &&
      run.shards === key.shards &&
      (run.otherCommit === undefined) === (key.otherCommit === undefined) &&
      (commit === undefined ||
        (run.commit === commit && run.otherCommit === key.otherCommit && !hasChanges(key, commit))),
  );
}

/** How a commit's name ends if its folder has changes that are not committed. */
export const changed = " with changes";

function hasChanges({ otherCommit = "" }: RunKey, commit: string): boolean {
  return commit.endsWith(changed) || otherCommit.endsWith(changed);
}
