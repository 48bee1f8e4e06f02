import { readFile } from "node:fs/promises";
import { nameProfileEvent } from "@rollcall/contracts";
import type pg from "pg";
import { z } from "zod";
import type { Ledger, Violation } from "../ledger.ts";
import type { OuterSpan } from "../plan/outer-faults.ts";
import type { Stage } from "../stage/stage.ts";
import { findOldestRead } from "./outer-spans.ts";
import type { Tables } from "./recorder.ts";

/** For the difference between our timestamps and the simulator's. Both use one machine's clock. */
const marginMs = 10;

type History = Awaited<ReturnType<Stage["clerk"]["history"]["list"]>>;

/** The time for which Clerk had a user, by the simulator's history. */
type Stay = { fromMs: number; untilMs: number };

/** Checks the reconcile runs against the simulator's history. */
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
    ...(await checkFullSyncs(db, stays, stage.outerSpans)),
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
  const invariant = "no living user is deleted";
  return [...users].flatMap(([clerkId, { deleted_at: deletedAt }]) => {
    const leftAtMs = stays.get(clerkId)?.untilMs;
    if (deletedAt === null || leftAtMs === undefined || deletedAt >= leftAtMs - marginMs) return [];
    return [
      {
        invariant,
        detail: `was deleted before Clerk's own deletion, at ${new Date(deletedAt).toISOString()}`,
        clerkId,
      },
    ];
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
  return deleted > most ? [{ invariant, detail: `${deleted} were, and ${most} may be` }] : [];
}

const fullSync = z.object({
  id: z.coerce.number(),
  seen: z.number(),
  startedAt: z.date(),
  finishedAt: z.date(),
});

/** A user that existed from before a full sync until after it must have been on one of its pages. */
async function checkFullSyncs(
  db: pg.Client,
  stays: ReadonlyMap<string, Stay>,
  spans: readonly OuterSpan[],
): Promise<Violation[]> {
  const { rows } = await db.query(
    `select id, seen, started_at as "startedAt", finished_at as "finishedAt" from rollcall.runs
     where mode = 'full' and not dry_run and state in ('succeeded', 'held')`,
  );
  return z
    .array(fullSync)
    .parse(rows)
    .flatMap(({ id, seen, startedAt, finishedAt }) => {
      const untilMs = finishedAt.getTime() + marginMs;
      const fromMs = findOldestRead(spans, { fromMs: startedAt.getTime() - marginMs, untilMs });
      const there = [...stays.values()].filter((stay) => stay.fromMs < fromMs && stay.untilMs > untilMs);
      const invariant = "a full sync that succeeded has seen every user";
      return seen < there.length
        ? [{ invariant, detail: `run ${id} saw ${seen}, and ${there.length} existed all the time` }]
        : [];
    });
}

async function checkSteps(db: pg.Client): Promise<Violation[]> {
  const { rows } = await db.query<{ detail: string }>(
    "select concat_ws(' ', 'run', run_id, mode, 'became', state) as detail from recorder.unfenced_steps",
  );
  return rows.map(({ detail }) => ({ invariant: "only the lease's holder writes for a run", detail }));
}

const watermark = z.object({
  watermarkMs: z.coerce.number(),
  rows: z.record(z.string(), z.number().nullable()),
  isEarly: z.boolean(),
});

const untilFirstFullSync = `
at < coalesce((select min(finished_at) from rollcall.runs where mode = 'full' and state in ('succeeded', 'held')), 'infinity')
`;

/**
 * When the watermark rises, our rows hold every change that Clerk showed up to it. The first incremental sync takes the
 * watermark from one page. Until the first full sync ends, older changes are therefore missing. Other exceptions are users whose write
 * failed, which the log names, and users that left, which no list shows any more.
 */
async function checkWatermarks(
  db: pg.Client,
  ledger: Ledger,
  unwritable: ReadonlySet<string>,
): Promise<Violation[]> {
  const found = await db.query(
    `select watermark_ms as "watermarkMs", rows, ${untilFirstFullSync} as "isEarly" from recorder.watermarks order by at`,
  );
  const accounts = [...ledger.accounts.values()].filter(
    ({ id, isPoison, leftAtMs }) => !isPoison && leftAtMs === undefined && !unwritable.has(id),
  );
  const watermarks = z.array(watermark).parse(found.rows);
  const firstMs = watermarks[0]?.watermarkMs ?? 0;
  return watermarks.flatMap(({ watermarkMs, rows, isEarly }) =>
    accounts.flatMap(({ id, versions }) => {
      const shown = versions.findLast(({ updated_at: atMs }) => atMs < watermarkMs - marginMs)?.updated_at;
      const written = rows[id];
      if (shown === undefined || (isEarly && shown <= firstMs)) return [];
      if (written === null || (written ?? 0) >= shown) return [];
      const detail = `the watermark rose to ${watermarkMs}, and the row has version ${written} instead of ${shown}`;
      return [{ invariant: "the watermark is never ahead of the rows", detail, clerkId: id }];
    }),
  );
}

/** Users whose write failed in a reconcile run, by the workers' logs. Most often, a row was locked for long. */
async function readUnwritable({ processes, app }: Stage): Promise<ReadonlySet<string>> {
  const { worker0, worker1 } = processes;
  const logs = await Promise.all([worker0, worker1].map(({ logFile }) => readFile(logFile, "utf8")));
  const failed = nameProfileEvent("creation_failed", app.names.profileName);
  const lines = logs
    .flatMap((log) => log.split("\n"))
    .filter((line) => line.includes(`"${failed}"`) && line.includes('"cause":"reconcile"'));
  return new Set(lines.flatMap((line) => /"clerkId":"([^"]*)"/.exec(line)?.[1] ?? []));
}
