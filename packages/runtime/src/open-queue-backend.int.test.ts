import { createQueuePool } from "@rollcall/db";
import { migrateQueues } from "@rollcall/jobs";
import { createDatabase } from "@rollcall/local-services";
import { expect, inject, onTestFinished, test } from "vitest";

const take = "select id from move_to_active('sync', $1, 15000, 1, null, null, null)";
const complete = "select move_to_completed('sync', $1, $2, 'null', 1, false, null, null)";

test("statements of BullMQ that Postgres planned for an empty queue read no whole table of a long one", async () => {
  const databaseUrl = await createDatabase(inject("postgresUrl"));
  // Plans belong to a connection.
  const pool = createQueuePool({ databaseUrl, max: 1, onIdleError: () => undefined });
  onTestFinished(() => pool.end());
  await migrateQueues(pool);
  const insert = (count: number) =>
    pool.query(
      `insert into job (queue, id, seq, name, state, added_at_ms)
       select 'sync', nextval('job_seq')::text, lastval(), 'refresh', 'waiting', 1 from generate_series(1, $1)`,
      [count],
    );
  const runOne = async () => {
    const { rows } = await pool.query(take, ["token"]);
    await pool.query(complete, [rows[0]?.id, "token"]);
  };
  // Postgres keeps the plan of a statement's sixth run.
  await pool.query("vacuum analyze job");
  for (let run = 0; run < 10; run += 1) {
    await insert(1);
    await runOne();
  }
  await insert(3_000);

  await pool.query("begin");
  await runOne();
  const { rows } = await pool.query(
    `select seq_tup_read::int as read, idx_tup_fetch::int as fetched from pg_stat_xact_user_tables where relname = 'job'`,
  );
  await pool.query("rollback");
  expect(rows[0]?.read).toBe(0);
  expect(rows[0]?.fetched).toBeLessThan(100);
});
