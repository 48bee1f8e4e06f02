import { AppError } from "@rollcall/contracts";
import { z } from "zod";
import { readSqlState } from "./transaction.ts";

/**
 * SQLSTATE classes that would meet every statement, whoever's it is: connection, read-only server, login,
 * missing database, schema, table or grant, resources, operator, system, server bug.
 */
const outageClasses = new Set(["08", "25", "28", "3D", "3F", "42", "53", "57", "58", "XX"]);

/**
 * Whether Postgres fails for everybody. All else is one user's: values that it refuses, a trigger of the app's
 * that raises, a row that somebody keeps locked.
 */
export function isOutage(error: unknown): boolean {
  const state = readSqlState(error);
  return state === undefined ? !isProgramError(error) : outageClasses.has(state.slice(0, 2));
}

/** Thrown by our own code and not by a connection. */
function isProgramError(error: unknown): boolean {
  return error instanceof TypeError || error instanceof RangeError || error instanceof z.core.$ZodError;
}

/** A failure of Postgres, reduced to what may leave this package. */
export class PostgresError extends AppError {
  /** The SQLSTATE, or `connection` when no server answered. */
  readonly sqlState: string;

  constructor(code: "user.rejected" | "postgres.unavailable", message: string, sqlState: string) {
    super(code, `${message} (${sqlState})`);
    this.sqlState = sqlState;
  }
}

function describeOutage(state: string): string {
  switch (state.slice(0, 2)) {
    case "28":
      return "Postgres refuses the user or the password in DATABASE_URL";
    case "3F":
    case "42":
      return "Postgres lacks a schema, table, column or grant, and `rollcall doctor` says which";
    default:
      return "Postgres did not do its work";
  }
}

/** Names of tables and constraints are nobody's data, and say at once what to mend. */
function describeRefusal(error: unknown): string {
  if (!(error instanceof Error)) return "Postgres refused the row";
  const { table, constraint } = named.parse(error);
  if (constraint === undefined && error.cause !== undefined) return describeRefusal(error.cause);
  const rule = constraint === undefined ? "" : `: ${constraint}`;
  return `Postgres refused the row${table === undefined ? "" : ` of ${table}`}${rule}`;
}

const named = z.object({
  table: z.string().optional().catch(undefined),
  constraint: z.string().optional().catch(undefined),
});

/**
 * The error without what Postgres put into it: its detail quotes rows, and rows hold emails.
 *
 * @returns `postgres.unavailable` when it fails for everybody, `internal` for an error of our own, else
 * `user.rejected`
 */
export function wrapPostgresError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (isProgramError(error)) return new AppError("internal", `A ${(error as Error).name} while writing`);
  const state = readSqlState(error) ?? "connection";
  return isOutage(error)
    ? new PostgresError("postgres.unavailable", describeOutage(state), state)
    : new PostgresError("user.rejected", describeRefusal(error), state);
}
