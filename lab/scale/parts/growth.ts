import { maxUsersPerPage } from "@rollcall/clerk";
import { createPool, inTransaction, type Pool, type UserSnapshot } from "@rollcall/db";
import { type RelationSize, readSizes } from "../measure/relation-sizes.ts";
import { readWriteMarks } from "../measure/write-marks.ts";
import type { Cell } from "../report/part-report.ts";
import { openPages, type PageReader } from "../rows/known-page.ts";
import { renameUser, touchUser, writeUsers } from "../rows/page-writes.ts";
import type { ScalePart, Study } from "./part.ts";

const share = 0.1;

const changes: readonly { what: string; change: (user: UserSnapshot) => UserSnapshot }[] = [
  { what: "nothing that people see changed", change: touchUser },
  { what: "a name changed", change: renameUser },
  { what: "again", change: renameUser },
];

/** What changes leave behind: a tenth of the users change, three times, with a vacuum after each time. */
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
    for (const { what, change } of changes) {
      study.say(`Changing ${pages} pages: ${what}`);
      rows.push([what, ...(await runChange(study, { databaseUrl, pool, pages, readPage, change }))]);
    }
    return {
      tables: [
        {
          title: `Changes of ${pages * maxUsersPerPage} of ${users} users, a page at a time on one connection`,
          columns: ["", "per s", "B users", "B events", "B WAL", "% HOT", "ids", "vacuum s"],
          rows,
          notes: [
            "For each user who changed: bytes that the tables and their indexes grew by, bytes of write-ahead log, and",
            "numbers that the sequence of users.id has given out. HOT: updates that touched no index.",
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
  /** Of one connection. */
  pool: Pool;
  pages: number;
  readPage: PageReader;
  change: (user: UserSnapshot) => UserSnapshot;
};

/** @returns the cells behind its name */
async function runChange(
  { signal }: Study,
  { databaseUrl, pool, pages, readPage, change }: Change,
): Promise<Cell[]> {
  const sizesBefore = await readSizes(databaseUrl, ["public", "rollcall"]);
  const before = await readWriteMarks(pool);
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
  const after = await readWriteMarks(pool);
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
