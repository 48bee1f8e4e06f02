import { setTimeout as sleep } from "node:timers/promises";
import type { AppError } from "@rollcall/contracts";
import { PostgresError } from "../errors.ts";
import type { Queryable } from "../queryable.ts";
import { UnexpectedRow } from "../rows.ts";
import { findSchemaProblems, type SchemaProblem } from "./find-schema-problems.ts";

/** What a process knows of the two tables' schema. */
export type SchemaWatch = {
  /** The problems of the latest check; none before the first one. It sends no query. */
  problems(): readonly SchemaProblem[];
  /** Whether the latest check found a problem that makes statements fail. */
  isBroken(): boolean;
  /** Checks again, unless the latest check began less than `maxAgeMs` ago. @throws PostgresError */
  check(maxAgeMs?: number): Promise<readonly SchemaProblem[]>;
  /** The error as `schema.changed` if a problem of the schema explains it; otherwise the error as it is. */
  explain(error: unknown): Promise<unknown>;
};

/** While statements fail, the schema is checked at most once in this time, however many of them there are. */
const checkIntervalMs = 250;
/** How long a problem that was found explains further errors. */
const knownForMs = 1_000;

export function createSchemaWatch(db: Queryable): SchemaWatch {
  let latest: { atMs: number; answer: Promise<readonly SchemaProblem[]> } | undefined;
  let problems: readonly SchemaProblem[] = [];

  function check(maxAgeMs = 0): Promise<readonly SchemaProblem[]> {
    if (latest && performance.now() - latest.atMs < maxAgeMs) return latest.answer;
    const next = { atMs: performance.now(), answer: findProblemsSinceMigration(db) };
    latest = next;
    next.answer.then(
      (found) => {
        // An older check that ends later must not hide the newer answer.
        if (latest === next) problems = found;
      },
      () => {
        if (latest === next) latest = undefined;
      },
    );
    return next.answer;
  }

  /** An answer that began after `atMs`: the schema may have changed a moment after an earlier one. */
  async function checkSince(atMs: number): Promise<readonly SchemaProblem[]> {
    while (latest && latest.atMs <= atMs) {
      const waitMs = latest.atMs + checkIntervalMs - performance.now();
      if (waitMs <= 0) return check();
      await sleep(waitMs);
    }
    return latest?.answer ?? check();
  }

  return {
    problems: () => problems,
    isBroken: () => problems.some(({ breaks }) => breaks.length > 0),
    check,
    explain: async (error) => {
      if (!maySpringFromSchema(error)) return error;
      const failedAtMs = performance.now();
      const findCause = async (answer: Promise<readonly SchemaProblem[]>) =>
        (await answer.catch(() => [])).find((problem) => explains(problem, error));
      const cause = isOfOneValue(error)
        ? await findCause(check(checkIntervalMs))
        : ((await findCause(check(knownForMs))) ?? (await findCause(checkSince(failedAtMs))));
      return cause === undefined ? error : toSchemaError(cause, error);
    },
  };
}

/** Before the migration the tables may be missing, and that is no change. */
async function findProblemsSinceMigration(db: Queryable): Promise<SchemaProblem[]> {
  const migrated = await db.query("select from pg_class where oid = to_regclass('rollcall.known_columns')");
  return migrated.rows.length === 0 ? [] : findSchemaProblems(db);
}

/**
 * The classes of errors with which a changed schema shows: no such column or table, wrong type (42), a value of the wrong
 * type (22), a refused null or key (23), an unusable key (55), a changed result (0A). Most of them have another cause as
 * a rule, so the live schema decides. A missing privilege (42501) has its own code and its own fix.
 */
function maySpringFromSchema(error: unknown): error is AppError {
  if (error instanceof PostgresError) {
    return (
      error.code !== "schema.changed" &&
      /^(42|22|23|55|0A)/.test(error.sqlState) &&
      error.sqlState !== "42501"
    );
  }
  return error instanceof UnexpectedRow;
}

/**
 * Whether one user's value may be the cause. Such errors come in rows while a batch is halved, so none of them waits for
 * a newer check.
 */
function isOfOneValue(error: AppError): boolean {
  return error instanceof PostgresError && /^2[23]/.test(error.sqlState);
}

function explains({ breaks }: SchemaProblem, error: AppError): boolean {
  if (!(error instanceof PostgresError)) return breaks.length > 0;
  return breaks.some(
    ({ states, column, constraint }) =>
      states.includes(error.sqlState) &&
      (column === undefined || column === error.column) &&
      (constraint === undefined || constraint === error.constraint),
  );
}

function toSchemaError({ says }: SchemaProblem, error: AppError): PostgresError {
  const state = error instanceof PostgresError ? error.sqlState : "unexpected row";
  return new PostgresError("schema.changed", `The app's schema changed: ${says}`, state, { cause: error });
}
