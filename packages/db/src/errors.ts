import { AppError } from "@rollcall/contracts";
import { readSqlState } from "./transaction.ts";

/** SQLSTATE classes that blame the values: data exception, integrity constraint, program limit. */
const dataErrorClasses = new Set(["22", "23", "54"]);

/** Whether the values of the statement are to blame, so that other users' rows may still be written. */
export function isDataError(error: unknown): boolean {
  return dataErrorClasses.has(readSqlState(error)?.slice(0, 2) ?? "");
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

/**
 * The error without what Postgres put into it: its detail quotes rows, and rows hold emails.
 *
 * @returns `user.rejected` for a data error, else `postgres.unavailable`.
 */
export function wrapPostgresError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const state = readSqlState(error) ?? "connection";
  return isDataError(error)
    ? new PostgresError("user.rejected", "Postgres refused the row", state)
    : new PostgresError("postgres.unavailable", "Postgres did not do its work", state);
}
