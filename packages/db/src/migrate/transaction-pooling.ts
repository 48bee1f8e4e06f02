import type { Pool } from "../pool.ts";

/**
 * Whether the pool's connections share sessions of the server, as behind PgBouncer in transaction mode: two that are
 * open at once and have one process between them. False also when it cannot be told, since a pooler with
 * other work may hand out different ones. Takes two connections.
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

async function readProcessId(db: Pick<Pool, "query">): Promise<number | undefined> {
  const result = await db.query<{ pid: number }>("select pg_backend_pid() as pid");
  return result.rows[0]?.pid;
}
