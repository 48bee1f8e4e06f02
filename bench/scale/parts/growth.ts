import { maxUsersPerPage } from "@rollcall/clerk";
import { inTransaction } from "@rollcall/db";
import pg from "pg";
import { z } from "zod";
import { type RelationSize, readSizes } from "../measure/relation-sizes.ts";
import type { Cell } from "../report/part-report.ts";
import { openPages } from "../rows/known-page.ts";
import { renameUser, writeUsers } from "../rows/page-writes.ts";
import type { ScalePart } from "./part.ts";

const share = 0.1;

/** What changes leave behind: a tenth of the users change, twice, with a vacuum after each time. */
export const growthPart: ScalePart = async ({ filled, say, signal }) => {
  const { databaseUrl, users } = await filled();
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 1 });
  const changed = Math.floor((users * share) / maxUsersPerPage) * maxUsersPerPage;
  const pages = changed / maxUsersPerPage;
  try {
    const readPage = await openPages(pool, maxUsersPerPage);
    const rows: Cell[][] = [];
    for (const time of ["the first time", "the second time"]) {
      say(`Changing ${changed} users, ${time}`);
      const before = await readSizes(databaseUrl, ["public", "rollcall"]);
      const [walBefore, updatesBefore] = [await readWalBytes(pool), await readUpdates(pool)];
      const startedAtMs = performance.now();
      for (let page = 0; page < pages; page++) {
        signal.throwIfAborted();
        const { users: known } = await readPage(page / pages);
        await inTransaction(pool, (client) => writeUsers(client, known.map(renameUser)));
      }
      const writeMs = performance.now() - startedAtMs;
      const walBytes = (await readWalBytes(pool)) - walBefore;
      const updates = await readUpdates(pool);
      const after = await readSizes(databaseUrl, ["public", "rollcall"]);
      const grown = (table: string) => (bytesOf(after, table) - bytesOf(before, table)) / changed;
      const vacuumMs = await timeVacuum(pool);
      const hot = (updates.hot - updatesBefore.hot) / (updates.all - updatesBefore.all);
      rows.push([
        time,
        changed / (writeMs / 1_000),
        grown("users"),
        grown("events"),
        100 * hot,
        walBytes / changed,
        vacuumMs / 1_000,
      ]);
    }
    return {
      tables: [
        {
          title: `Changes of ${changed} of ${users} users, a page at a time on one connection`,
          columns: ["", "per s", "B users", "B events", "% HOT", "B WAL", "vacuum s"],
          rows,
          notes: [
            "Bytes that tables and their indexes grew by, and of write-ahead log, for each user who changed.",
            "HOT: updates that touched no index. Vacuum of users and mentorados, whose tenth is dead.",
          ],
        },
      ],
    };
  } finally {
    await pool.end();
  }
};

function bytesOf(sizes: readonly RelationSize[], table: string): number {
  return sizes.filter((one) => one.table === table).reduce((sum, { bytes }) => sum + bytes, 0);
}

async function readWalBytes(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query(
    "select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8 as bytes",
  );
  return z.object({ bytes: z.number() }).parse(rows[0]).bytes;
}

const updates = z.object({ all: z.coerce.number(), hot: z.coerce.number() });

/** Of `users`, since the server counts. */
async function readUpdates(pool: pg.Pool): Promise<z.infer<typeof updates>> {
  await pool.query("select pg_stat_force_next_flush()");
  const { rows } = await pool.query(
    `select n_tup_upd as "all", n_tup_hot_upd as hot from pg_stat_user_tables
     where schemaname = 'public' and relname = 'users'`,
  );
  return updates.parse(rows[0]);
}

async function timeVacuum(pool: pg.Pool): Promise<number> {
  const startedAtMs = performance.now();
  await pool.query("vacuum public.users");
  await pool.query("vacuum public.mentorados");
  return performance.now() - startedAtMs;
}
