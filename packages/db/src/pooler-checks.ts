import { once } from "node:events";
import { withTimeout } from "@rollcall/contracts";
import pg from "pg";
import { z } from "zod";
import { toPostgresError } from "./errors.ts";
import type { Pool, Queryable } from "./pool.ts";
import { readRow } from "./rows.ts";

/**
 * Whether the pool's connections share sessions of the server, as behind PgBouncer in transaction mode: two connections
 * that are open at once have one process. False also if it is unknown, because a busy pooler may use different
 * processes. Takes two connections.
 */
export async function isTransactionPooled(pool: Pool): Promise<boolean> {
  const first = await pool.connect();
  try {
    const before = await readProcessId(first);
    const second = await pool.connect();
    try {
      return (await readProcessId(second)) === before;
    } finally {
      second.release();
    }
  } finally {
    first.release();
  }
}

async function readProcessId(db: Queryable): Promise<number> {
  const result = await db.query("select pg_backend_pid() as pid");
  return readRow(z.object({ pid: z.number() }), result.rows).pid;
}

/**
 * Whether a connection keeps its session from one statement to the next, as locks and LISTEN need it. Behind a
 * transaction pooler the release of a lock finds no lock, or the notification never arrives. Takes two connections.
 */
export async function holdsSessions(pool: Pool): Promise<boolean> {
  try {
    const first = await pool.driver.connect();
    try {
      const second = await pool.driver.connect();
      try {
        return await keepsLockAndListener(first, second);
      } finally {
        // Closed, not reused: it may still hold the lock.
        second.release(true);
      }
    } finally {
      // Closed, not reused: it may still listen.
      first.release(true);
    }
  } catch (error) {
    throw toPostgresError(error);
  }
}

/** The key of an advisory lock, unique in this code; it spells "sess". */
const lockKey = 0x73657373;
const channel = "rollcall_doctor";
const longestWaitMs = 2_000;

async function keepsLockAndListener(first: pg.PoolClient, second: pg.PoolClient): Promise<boolean> {
  await first.query("select pg_advisory_lock($1)", [lockKey]);
  const taken = await second.query("select pg_try_advisory_lock($1) as got", [lockKey]);
  const released = await first.query("select pg_advisory_unlock($1) as had", [lockKey]);
  await first.query(`listen ${channel}`);
  const notified = withTimeout(once(first, "notification"), longestWaitMs).then(
    () => true,
    () => false,
  );
  await second.query(`notify ${channel}`);
  return taken.rows[0]?.got === false && released.rows[0]?.had === true && (await notified);
}

/** The connections that running api and worker processes have to the database. LISTEN connections have a name of BullMQ's. */
export async function countHeldConnections(pool: Pool): Promise<number> {
  const result = await pool.query(
    `select count(*)::int as count from pg_stat_activity
     where datname = current_database() and application_name <> 'rollcall-doctor'
       and (application_name like 'rollcall-%' or application_name like 'bull:%')`,
  );
  return readRow(z.object({ count: z.number() }), result.rows).count;
}

/**
 * Opens connections one after the other, up to `most`, until the server refuses one, and then closes all of them.
 *
 * @returns how many were opened, and the refusal of the next one
 */
export async function countGrantedConnections(
  databaseUrl: string,
  most: number,
): Promise<{ opened: number; refusal: unknown }> {
  const clients: pg.Client[] = [];
  try {
    while (clients.length < most) {
      const client = new pg.Client({
        connectionString: databaseUrl,
        application_name: "rollcall-doctor",
        connectionTimeoutMillis: 3_000,
      });
      client.on("error", () => undefined);
      await client.connect();
      clients.push(client);
    }
    return { opened: clients.length, refusal: undefined };
  } catch (error) {
    return { opened: clients.length, refusal: toPostgresError(error) };
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
}
