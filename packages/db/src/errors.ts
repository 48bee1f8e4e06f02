import { AppError, type RowRefusal, rowRefusal } from "@rollcall/contracts";
import { z } from "zod";

/**
 * SQLSTATE classes that fail the statements of every user: connection, read-only server, login, missing database,
 * missing schema, table or grant, resources, operator, system, server bug.
 */
const outageClasses = new Set(["08", "25", "28", "3D", "3F", "42", "53", "57", "58", "XX"]);

/** The `sqlState` of a failure without an answer of a server. */
const noAnswer = "connection";

/** A failure of Postgres. Its message holds no value of a row. Its cause may, and the logger leaves causes out. */
export class PostgresError extends AppError {
  /** The SQLSTATE, or `connection` if no server answered. */
  readonly sqlState: string;
  /** The table, the column and the constraint that Postgres named. */
  readonly table: string | undefined;
  readonly column: string | undefined;
  readonly constraint: string | undefined;

  constructor(
    code: "user.rejected" | "postgres.unavailable" | "schema.changed",
    message: string,
    sqlState: string,
    options: {
      cause?: unknown;
      table?: string | undefined;
      column?: string | undefined;
      constraint?: string | undefined;
    } = {},
  ) {
    super(code, `${message} (${sqlState})`, options);
    this.sqlState = sqlState;
    this.table = options.table;
    this.column = options.column;
    this.constraint = options.constraint;
  }
}

/** Whether the same transaction may run again: after a serialization failure or a deadlock. */
export function isRerunnable(error: unknown): boolean {
  return readSqlState(error)?.startsWith("40") ?? false;
}

/** Whether Postgres answers, and ended a statement at its time limit. Unlike an outage, this does not end by itself. */
export function isTooSlow(error: unknown): boolean {
  return readSqlState(error) === "57014";
}

/** The SQLSTATE of a PostgresError. Undefined for every other error, and if no server answered. */
export function readSqlState(error: unknown): string | undefined {
  return error instanceof PostgresError && error.sqlState !== noAnswer ? error.sqlState : undefined;
}

/** What Postgres said when it refused a user's row. Undefined for every other error. */
export function readRefusal(error: unknown): RowRefusal | undefined {
  if (!(error instanceof PostgresError) || error.code !== "user.rejected") return undefined;
  const { sqlState, table = null, constraint = null } = error;
  return rowRefusal.safeParse({ sqlState, table, constraint }).data;
}

const driverError = z.object({
  code: z
    .string()
    .regex(/^[0-9A-Z]{5}$/)
    .optional()
    .catch(undefined),
  table: z.string().optional().catch(undefined),
  constraint: z.string().optional().catch(undefined),
  column: z.string().optional().catch(undefined),
});

/**
 * Converts an error of the driver.
 *
 * @returns `postgres.unavailable` if Postgres fails for every user, `user.rejected` if it refuses a row, and
 * `internal` for a value that the driver cannot send, which is a fault of our own code
 */
export function toPostgresError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof TypeError || error instanceof RangeError)
    return new AppError("internal", `A ${error.name} in a statement's values`, { cause: error });
  const {
    code: state = noAnswer,
    table,
    constraint,
    column,
  } = driverError.parse(error instanceof Error ? error : {});
  const options = { cause: error, table, column, constraint };
  return state === noAnswer || outageClasses.has(state.slice(0, 2))
    ? new PostgresError("postgres.unavailable", describeOutage(state), state, options)
    : new PostgresError("user.rejected", describeRefusal(table, constraint), state, options);
}

function describeOutage(state: string): string {
  switch (state.slice(0, 2)) {
    case "28":
      return "Postgres refuses the user or the password in DATABASE_URL";
    case "3F":
    case "42":
      return "Postgres lacks a schema, table, column or grant, and `rollcall doctor` says which";
    case "25":
      return "Postgres answers reads and refuses writes: it is a replica, or read-only";
    default:
      return "Postgres did not do its work";
  }
}

/** Names of tables and constraints are no personal data, and an operator needs them. */
function describeRefusal(table: string | undefined, constraint: string | undefined): string {
  const rule = constraint === undefined ? "" : `: ${constraint}`;
  return `Postgres refused the row${table === undefined ? "" : ` of ${table}`}${rule}`;
}
