import type pg from "pg";
import { z } from "zod";
import type { Ledger, Violation } from "../ledger.ts";
import type { Stage } from "../stage/stage.ts";
import type { Tables } from "./read-tables.ts";
import { readUnwritable } from "./read-unwritable.ts";

/** What an instant of ours and one of the simulator's may differ by, though both are of one machine's clock. */
const marginMs = 10;

type History = Awaited<ReturnType<Stage["clerk"]["history"]["list"]>>;

/** From when to when Clerk had somebody, as the simulator wrote it down. */
type Stay = { fromMs: number; untilMs: number };

/** Judges what was reconciled by the simulator's own history. */
export async function checkRuns(
  stage: Stage,
  ledger: Ledger,
  tables: Tables,
  db: pg.Client,
): Promise<Violation[]> {
  const stays = readStays(await stage.clerk.history.list());
  return [
    ...checkDeletions(tables, stays),
    ...(await checkAbsences(db, tables)),
    ...(await checkFullSyncs(db, stays)),
    ...(await checkSteps(db)),
    ...(await checkWatermarks(db, ledger, await readUnwritable(stage))),
  ];
}

function readStays(history: History): ReadonlyMap<string, Stay> {
  const stays = new Map<string, Stay>();
  for (const entry of history) {
    if (entry.change === "created")
      stays.set(entry.userId, { fromMs: entry.atMs, untilMs: Number.POSITIVE_INFINITY });
    const stay = entry.change === "deleted" ? stays.get(entry.userId) : undefined;
    if (stay) stay.untilMs = entry.atMs;
  }
  return stays;
}

function checkDeletions({ users }: Tables, stays: ReadonlyMap<string, Stay>): Violation[] {
  const invariant = "nobody living is deleted";
  return [...users].flatMap(([clerkId, { deleted_at: deletedAt }]) => {
    const leftAtMs = stays.get(clerkId)?.untilMs;
    if (deletedAt === null || leftAtMs === undefined || Date.parse(deletedAt) >= leftAtMs - marginMs)
      return [];
    return [{ invariant, what: `was deleted before Clerk's own deletion, at ${deletedAt}`, clerkId }];
  });
}

const fewInADay = 5;
const shareInADay = 0.005;

async function checkAbsences(db: pg.Client, { users }: Tables): Promise<Violation[]> {
  const { rows } = await db.query<{ deleted: number }>(
    `select count(*)::int as deleted from rollcall.events
     where kind = 'user_tombstoned' and details ->> 'by' = 'absence'`,
  );
  const deleted = rows[0]?.deleted ?? 0;
  const most = Math.max(fewInADay, Math.floor(users.size * shareInADay));
  const invariant = "only a few are deleted for being absent unless a person says so";
  return deleted > most ? [{ invariant, what: `${deleted} were, and ${most} may be` }] : [];
}

const sweep = z.object({
  id: z.coerce.number(),
  seen: z.number(),
  startedAt: z.date(),
  finishedAt: z.date(),
});

/** Whoever was there from before a sweep began until after it ended must have been on one of its pages. */
async function checkFullSyncs(db: pg.Client, stays: ReadonlyMap<string, Stay>): Promise<Violation[]> {
  const { rows } = await db.query(
    `select id, seen, started_at as "startedAt", finished_at as "finishedAt" from rollcall.runs
     where mode = 'full' and not dry_run and state in ('succeeded', 'held')`,
  );
  return z
    .array(sweep)
    .parse(rows)
    .flatMap(({ id, seen, startedAt, finishedAt }) => {
      const fromMs = startedAt.getTime() - marginMs;
      const untilMs = finishedAt.getTime() + marginMs;
      const there = [...stays.values()].filter((stay) => stay.fromMs < fromMs && stay.untilMs > untilMs);
      const invariant = "a sweep that succeeded has seen everybody";
      return seen < there.length
        ? [{ invariant, what: `run ${id} saw ${seen}, and ${there.length} were there all along` }]
        : [];
    });
}

async function checkSteps(db: pg.Client): Promise<Violation[]> {
  const { rows } = await db.query<{ what: string }>(
    "select concat_ws(' ', 'run', run_id, mode, 'became', state) as what from recorder.unfenced_steps",
  );
  return rows.map(({ what }) => ({ invariant: "only who holds the lease writes for a run", what }));
}

const raised = z.object({
  watermarkMs: z.coerce.number(),
  rows: z.record(z.string(), z.number().nullable()),
});

/**
 * What Clerk showed up to the watermark stands in our rows when it rises. Not of those who could not be written,
 * which the log tells, and not of those who left, whom no list shows any more.
 */
async function checkWatermarks(
  db: pg.Client,
  ledger: Ledger,
  unwritable: ReadonlySet<string>,
): Promise<Violation[]> {
  const found = await db.query(
    'select watermark_ms as "watermarkMs", rows from recorder.watermarks order by at',
  );
  const accounts = [...ledger.accounts.values()].filter(
    ({ id, isPoison, leftAtMs }) => !isPoison && leftAtMs === undefined && !unwritable.has(id),
  );
  return z
    .array(raised)
    .parse(found.rows)
    .flatMap(({ watermarkMs, rows }) =>
      accounts.flatMap(({ id, versions }) => {
        const shown = versions.findLast(({ updated_at: atMs }) => atMs < watermarkMs - marginMs)?.updated_at;
        const written = rows[id];
        if (shown === undefined || written === null || (written ?? 0) >= shown) return [];
        const what = `the watermark rose to ${watermarkMs}, and the row has version ${written} instead of ${shown}`;
        return [{ invariant: "the watermark is never ahead of the rows", what, clerkId: id }];
      }),
    );
}
