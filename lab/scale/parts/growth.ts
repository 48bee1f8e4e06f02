import { maxUsersPerPage } from "@rollcall/clerk";
import { createPool, inTransaction, type Pool, type UserSnapshot } from "@rollcall/db";
import { z } from "zod";
import type { Cell } from "../report.ts";
import { openPages, type PageReader, renameUser, touchUser, writeUsers } from "../rows/pages.ts";
import { type RelationSize, readSizes } from "../rows/relation-sizes.ts";
import type { ScalePart, Study } from "./part.ts";

const share = 0.1;

const changes: readonly { name: string; change: (user: UserSnapshot) => UserSnapshot }[] = [
  { name: "nothing visible changed", change: touchUser },
  { name: "a name changed", change: renameUser },
  { name: "again", change: renameUser },
];

/** The growth of tables by changes. A tenth of the users changes three times, with a vacuum after each time. */
export const growthPart: ScalePart = async (study) => {
  const { databaseUrl, users } = await study.filled();
  const pool = createPool({
    databaseUrl,
    applicationName: "scale",
    max: 1,
    queryTimeoutMs: 600_000,
    onIdleError: () => undefined,
  });
  const pages = Math.floor((users * share) / maxUsersPerPage);
  try {
    const readPage = await openPages(pool, maxUsersPerPage);
    const rows: Cell[][] = [];
    for (const { name, change } of changes) {
      study.say(`Changing ${pages} pages: ${name}`);
      rows.push([name, ...(await runChange(study, { databaseUrl, pool, pages, readPage, change }))]);
    }
    return {
      tables: [
        {
          title: `Changes of ${pages * maxUsersPerPage} of ${users} users, a page at a time on one connection`,
          columns: ["", "per s", "B users", "B events", "B WAL", "% HOT", "ids", "vacuum s"],
          rows,
          notes: [
            "Per changed user: growth of the tables with their indexes, bytes of write-ahead log, and",
            "ids taken from the sequence of users.id. HOT: updates that touched no index.",
          ],
        },
      ],
    };
  } finally {
    await pool.end();
  }
};

type Change = {
  databaseUrl: string;
  /** Has one connection. */
  pool: Pool;
  pages: number;
  readPage: PageReader;
  change: (user: UserSnapshot) => UserSnapshot;
};

/** @returns the cells after the name */
async function runChange(
  { signal }: Study,
  { databaseUrl, pool, pages, readPage, change }: Change,
): Promise<Cell[]> {
  const sizesBefore = await readSizes(databaseUrl, ["public", "rollcall"]);
  const before = await readWriteCounts(pool);
  let changed = 0;
  let writeMs = 0;
  for (let page = 0; page < pages; page++) {
    signal.throwIfAborted();
    const { users } = await readPage(page / pages);
    const startedAtMs = performance.now();
    await inTransaction(pool, (client) => writeUsers(client, users.map(change)));
    writeMs += performance.now() - startedAtMs;
    changed += users.length;
  }
  const after = await readWriteCounts(pool);
  const sizesAfter = await readSizes(databaseUrl, ["public", "rollcall"]);
  const grown = (table: string) => bytesOf(sizesAfter, table) - bytesOf(sizesBefore, table);
  const vacuumMs = await timeVacuum(pool);
  return [
    changed / (writeMs / 1_000),
    grown("users") / changed,
    grown("events") / changed,
    (after.walBytes - before.walBytes) / changed,
    (100 * (after.hotUpdates - before.hotUpdates)) / (after.updates - before.updates),
    (after.ids - before.ids) / changed,
    vacuumMs / 1_000,
  ];
}

function bytesOf(sizes: readonly RelationSize[], table: string): number {
  return sizes.filter((one) => one.table === table).reduce((sum, { bytes }) => sum + bytes, 0);
}

async function timeVacuum(pool: Pool): Promise<number> {
  const startedAtMs = performance.now();
  await pool.query("vacuum public.users");
  return performance.now() - startedAtMs;
}

// Bytes of write-ahead log, updates of `users` with the HOT ones among them, and ids taken from its sequence.
const counts = `
select
  pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8 as "walBytes",
  n_tup_upd::float8 as updates, n_tup_hot_upd::float8 as "hotUpdates",
  pg_sequence_last_value(pg_get_serial_sequence('public.users', 'id')::regclass)::float8 as ids
from pg_stat_user_tables where schemaname = 'public' and relname = 'users'
`;

const row = z.object({ walBytes: z.number(), updates: z.number(), hotUpdates: z.number(), ids: z.number() });

/** The server's counters of writes so far. */
type WriteCounts = z.infer<typeof row>;

/** @param pool the writer's pool of one connection, whose counters are flushed first */
async function readWriteCounts(pool: Pool): Promise<WriteCounts> {
  await pool.query("select pg_stat_force_next_flush()");
  return row.parse((await pool.query(counts)).rows[0]);
}
