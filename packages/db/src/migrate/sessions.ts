import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { Pool } from "../pool.ts";

/** Any number that nobody else uses; it spells "sess". */
const lockKey = 0x73657373;
const channel = "rollcall_doctor";
const longestWaitMs = 2_000;

/**
 * Whether a connection keeps its session from one statement to the next, as locks and LISTEN need it. Behind a
 * transaction pooler the lock's release finds no lock, or the notification never comes. Takes two connections.
 */
export async function holdsSessions(pool: Pool): Promise<boolean> {
  const first = await pool.driver.connect();
  const second = await pool.driver.connect().catch((error: unknown) => {
    first.release(true);
    throw error;
  });
  try {
    await first.query("select pg_advisory_lock($1)", [lockKey]);
    const taken = await second.query("select pg_try_advisory_lock($1) as got", [lockKey]);
    const released = await first.query("select pg_advisory_unlock($1) as had", [lockKey]);
    await first.query(`listen ${channel}`);
    const heard = Promise.race([once(first, "notification").then(() => true), sleep(longestWaitMs, false)]);
    await second.query(`notify ${channel}`);
    return taken.rows[0]?.got === false && released.rows[0]?.had === true && (await heard);
  } finally {
    // Closed, not reused: they may still listen or hold the lock.
    first.release(true);
    second.release(true);
  }
}
