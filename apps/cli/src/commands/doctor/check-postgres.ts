import { type Mapping, variables } from "@rollcall/contracts";
import {
  checkWrites,
  createPool,
  hasRecentSample,
  holdsSessions,
  isTransactionPooled,
  type Pool,
  readSqlState,
  toPostgresError,
} from "@rollcall/db";
import { openQueueBackend } from "@rollcall/runtime";
import type { Environment } from "../../cli.ts";
import { readMapping } from "../../config.ts";
import { describePostgresFailure } from "../../describe-postgres-failure.ts";
import { checkDeliveries } from "./check-deliveries.ts";
import { checkTables } from "./check-tables.ts";
import { type Finding, note, ok, unknown, wrong } from "./finding.ts";

/** BullMQ refuses versions below the first, and warns below the second. */
const oldestMajor = 13;
const recommendedMajor = 14;
/** The search for duplicates reads whole tables. */
const longestStatementMs = 60_000;

/** Checks Postgres. When a check fails, the checks that depend on it are left out. */
export async function checkPostgres(environment: Environment): Promise<Finding[]> {
  const databaseUrl = variables.DATABASE_URL.safeParse(environment["DATABASE_URL"]).data;
  if (databaseUrl === undefined)
    return [unknown("postgres.reachable", "Not checked: DATABASE_URL is missing or malformed.")];
  const mapping = findMapping(environment);
  if (mapping === undefined)
    return [unknown("postgres.reachable", "Not checked: the file of ROLLCALL_CONFIG is wrong.")];
  const pool = createPool({
    databaseUrl,
    mapping,
    // A difference is a finding, and hides no other one.
    checksMapping: false,
    applicationName: "rollcall-doctor",
    max: 4,
    queryTimeoutMs: longestStatementMs,
    onIdleError: () => undefined,
  });
  try {
    return await examine(environment, { pool, databaseUrl });
  } catch (error) {
    return [
      wrong(
        "postgres.reachable",
        `${describePostgresFailure(error)}.`,
        "Correct DATABASE_URL, or start the server.",
      ),
    ];
  } finally {
    await pool.end();
  }
}

/** Undefined for a file that is wrong, which checkEnvironment describes. */
function findMapping(environment: Environment): Mapping | undefined {
  try {
    return readMapping(environment);
  } catch {
    return undefined;
  }
}

async function examine(
  environment: Environment,
  { pool, databaseUrl }: { pool: Pool; databaseUrl: string },
): Promise<Finding[]> {
  const withQueues = !environment["REDIS_URL"]?.trim();
  const version = Number((await pool.query("show server_version_num")).rows[0]?.server_version_num);
  const reached = [ok("postgres.reachable", "Postgres answers."), checkVersion(version)];
  if (await isTransactionPooled(pool)) return [...reached, pooled];
  if (!(await holdsSessions(pool))) return [...reached, pooled];
  const sessions = ok(
    "postgres.sessions",
    "Locks and LISTEN work: there is no transaction pooler in between.",
  );
  return [
    ...reached,
    sessions,
    await checkWritable("postgres.writable", () => checkWrites(pool)),
    ...(withQueues ? [await checkQueues(databaseUrl)] : []),
    ...(await checkTables(pool, { withQueues })),
    ...(await checkProxy(pool)),
    ...(await checkDeliveries(environment, pool)),
  ];
}

/** A note, because any caller can send the header to an api without a proxy. Nothing before the first migrate. */
async function checkProxy(pool: Pool): Promise<Finding[]> {
  const isUntrusted = await hasRecentSample(pool, "rollcall_forwarded_untrusted").catch(() => undefined);
  if (isUntrusted === undefined) return [];
  const name = "api.trust_proxy";
  return [
    isUntrusted
      ? note(
          name,
          "X-Forwarded-For reaches an api whose TRUST_PROXY is unset: callers behind a proxy share one limit. Set TRUST_PROXY to the proxy's address.",
        )
      : ok(name, "No api ignores the X-Forwarded-For of a proxy."),
  ];
}

function checkVersion(version: number): Finding {
  const name = "postgres.version";
  const major = Math.floor(version / 10_000);
  if (major < oldestMajor) {
    return wrong(
      name,
      `It is PostgreSQL ${major}; ${oldestMajor} is the oldest supported version.`,
      "Upgrade it.",
    );
  }
  return major < recommendedMajor
    ? note(name, `It is PostgreSQL ${major}, which gets no more security fixes.`, "Upgrade it.")
    : ok(name, `PostgreSQL ${major}.`);
}

/** Over the pool that api and worker use for their queues. Its settings differ from those of the other one. */
async function checkQueues(databaseUrl: string): Promise<Finding> {
  const backend = openQueueBackend({
    redisNodes: undefined,
    databaseUrl,
    max: 2,
    onError: () => undefined,
  });
  try {
    return await checkWritable("queues.writable", () => backend.checkWrite());
  } finally {
    await backend.close();
  }
}

/** Missing tables and grants, which other checks name. */
const unprepared = new Set(["42P01", "42501", "3F000"]);

async function checkWritable(name: string, write: () => Promise<unknown>): Promise<Finding> {
  try {
    await write();
    return ok(name, "A write succeeds over the connections that api and worker use.");
  } catch (cause) {
    const error = toPostgresError(cause);
    return unprepared.has(readSqlState(error) ?? "")
      ? unknown(name, `Could not be checked: ${describePostgresFailure(error)}.`)
      : wrong(
          name,
          `A write fails: ${describePostgresFailure(error)}.`,
          "Lead DATABASE_URL to the primary, make it writable, or free its disk.",
        );
  }
}

const pooled = wrong(
  "postgres.sessions",
  "DATABASE_URL leads to a transaction pooler, but advisory locks and LISTEN need sessions.",
  "Use the address of the database itself, or of a session pooler.",
);
