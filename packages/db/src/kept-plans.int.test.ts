import { afterAll, beforeAll, expect, test } from "vitest";
import { addMissingCandidates } from "./deletion-candidates.ts";
import { digestRows, findDrift } from "./drift.ts";
import type { Connection, Pool } from "./pool.ts";
import { giveProfiles, type ProfileRequest } from "./profiles.ts";
import { createTestPool, makeSnapshot } from "./testing.ts";
import { inTransaction, prepareWrite } from "./transaction.ts";
import { applySnapshots } from "./users.ts";

let pool: Pool;
let runId: number;

beforeAll(async () => {
  pool = await createTestPool();
  const { rows } = await pool.query(
    "insert into rollcall.runs (mode, dry_run, started_by) values ('full', false, 'test') returning id::int",
  );
  runId = rows[0]?.["id"];
});

afterAll(() => pool.end());

const startMs = Date.parse("2026-01-01");
const defaults = { nomeCompleto: "New User", turma: "neon", create: true };

/** What a page of a full sync does with two users: one of them is known, and one asks for the role `Admin`. */
async function writePage(client: Connection, number: number): Promise<void> {
  const page = { afterMs: startMs + number - 1, untilMs: startMs + number };
  const snapshots = ["user_known", `user_${number}`].map((clerkId, index) =>
    makeSnapshot({
      clerkId,
      email: `${clerkId}@example.com`,
      clerkCreatedAtMs: startMs + (index === 0 ? 1 : number),
      readTicket: number,
      ignoresRole: index === 1,
    }),
  );
  await digestRows(client, page, true);
  await findDrift(client, snapshots, true);
  await prepareWrite(client);
  await applySnapshots(client, snapshots);
  const requests = snapshots.map(({ clerkId, cause, ref }, index): ProfileRequest => {
    return { clerkId, metadata: [null], secondaryEmails: index === 1 ? ["b@example.com"] : [], cause, ref };
  });
  await giveProfiles(client, requests, defaults);
  await addMissingCandidates(client, runId, { ...page, clerkIds: snapshots.map(({ clerkId }) => clerkId) });
}

const grow = `
with added as (
  insert into users (clerk_id, email, clerk_created_at)
  select 'user_old_' || n, 'old' || n || '@example.com', timestamptz '2020-01-01' + n * interval '1 second'
  from generate_series(1, 3000) n returning id, clerk_id, email
),
given as (
  insert into mentorados (user_id, nome_completo, email, turma) select id, 'Old', email, 'neon' from added
)
insert into rollcall.events (clerk_id, kind, cause)
select clerk_id, 'user_created', 'reconcile' from added
`;

// An unclaimed profile is one that no user has.
const invite = `
insert into mentorados (nome_completo, email, turma)
select 'Invited', 'invited' || n || '@example.com', 'neon' from generate_series(1, 3000) n
`;

/** Counts of this session, which may hold the ones of its transactions before. */
const countRows = `
select relname as "table", seq_tup_read::int as "bySeqScan", coalesce(idx_tup_fetch, 0)::int as "byIndex"
from pg_stat_xact_user_tables where relname in ('users', 'mentorados', 'events') order by relname
`;

test("a write that was planned while the tables were small reads a few rows after they have grown", async () => {
  const single = await pool.connect();
  // One connection, because each has plans of its own.
  const onOne: Pool = { ...pool, connect: async () => ({ ...single, release: () => undefined }) };
  const write = (number: number) => inTransaction(onOne, (client) => writePage(client, number));
  await write(1);
  await pool.query("analyze");
  // Postgres makes the plan that it keeps at the sixth execution.
  for (let number = 2; number <= 9; number++) await write(number);
  await pool.query(grow);
  await pool.query(invite);
  const read = await inTransaction(onOne, async (client) => {
    const before = (await client.query(countRows)).rows;
    await writePage(client, 10);
    const after = (await client.query(countRows)).rows;
    return after.map(({ table, bySeqScan, byIndex }, index) => ({
      table,
      bySeqScan: bySeqScan - before[index]?.["bySeqScan"],
      byIndex: byIndex - before[index]?.["byIndex"],
    }));
  });
  single.release();
  expect(read.map(({ table }) => table)).toEqual(["events", "mentorados", "users"]);
  for (const { table, bySeqScan, byIndex } of read) {
    expect({ table, bySeqScan }).toEqual({ table, bySeqScan: 0 });
    expect(byIndex, `rows of ${table}`).toBeLessThan(60);
  }
});
