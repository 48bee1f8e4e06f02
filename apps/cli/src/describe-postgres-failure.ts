import { AppError } from "@rollcall/contracts";
import { PostgresError, readSqlState } from "@rollcall/db";

/** Refusals that an operator can fix, by SQLSTATE. No text contains a part of DATABASE_URL. */
const refusals: Readonly<Record<string, string>> = {
  "28P01": "Postgres refused the user or the password in DATABASE_URL",
  "28000": "Postgres does not admit the user in DATABASE_URL from this address or with this method",
  "3D000": "The database that DATABASE_URL names does not exist",
  "42501":
    "The role in DATABASE_URL lacks a privilege: it must be able to create schemas and tables, and own the app's mapped tables and everything in the schemas rollcall and bullmq",
  "53300": "Postgres has no free connection",
  "55P03": "Another transaction held one of the app's mapped tables for too long: end it, or try again later",
  "57014": "A statement took too long",
  "57P03": "The database of DATABASE_URL is starting or stopping: try again",
  "25006": "DATABASE_URL leads to a read-only server or database: use the primary",
};

/** The reason why Postgres refused or did not answer, with the fix if it is known. */
export function describePostgresFailure(error: unknown): string {
  const state = readSqlState(error);
  // A fault of our own, such as a row of an unexpected form: it says itself what is wrong.
  if (error instanceof AppError && !(error instanceof PostgresError)) return error.message;
  const driverError = error instanceof PostgresError ? error.cause : error;
  return state === undefined ? describeNetwork(driverError) : describeRefusal(driverError, state);
}

function describeRefusal(error: unknown, state: string): string {
  const message = readMessage(error);
  // PgBouncer, in every mode, accepts few of the settings that a client may send when it connects.
  if (state.startsWith("08") && message.includes("startup parameter")) {
    return "DATABASE_URL leads to PgBouncer: use the address of the database itself";
  }
  const known = refusals[state];
  if (known) return `${known} (SQLSTATE ${state})`;
  // Class 22 and 23 may quote a row's values.
  return /^2[23]/.test(state) ? `SQLSTATE ${state}` : `${message} (SQLSTATE ${state})`;
}

function describeNetwork(error: unknown): string {
  const code = readCode(error);
  if (code === "ERR_INVALID_URL" || error instanceof URIError) {
    return "DATABASE_URL cannot be read: percent-encode special characters in its user and password";
  }
  if (/CERT|TLS|SSL|SIGNATURE/.test(code ?? "") || readMessage(error).includes("SSL")) {
    return `No encrypted connection to the server of DATABASE_URL (${code ?? "it offers none"}): check its sslmode, and for a private CA sslrootcert or NODE_EXTRA_CA_CERTS`;
  }
  if (code !== undefined || /connect|timeout/i.test(readMessage(error))) {
    return `The server of DATABASE_URL cannot be reached, or closed the connection (${code ?? "no answer"})`;
  }
  return readMessage(error);
}

/** The system's error code. `localhost` has two addresses; of their two errors the first is used. */
function readCode(error: unknown): string | undefined {
  if (error instanceof AggregateError) return readCode(error.errors[0]);
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

function readMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
