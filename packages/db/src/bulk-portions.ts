import { type ErrorCode, readErrorCode } from "@rollcall/contracts";
import { z } from "zod";
import { portionSize } from "./bulk-changes.ts";
import { PostgresError } from "./errors.ts";
import type { Connection, Pool, Queryable } from "./pool.ts";
import { readRows } from "./rows.ts";
import { splitInSavepoints } from "./split-on-refusal.ts";
import { perTables, type Tables } from "./tables.ts";
import { inTransaction } from "./transaction.ts";
import { lockFreeTiers, writeTiers } from "./user-states.ts";

/** An unfinished bulk change, or one that was cancelled while cache keys of written users were still old. */
export type OpenBulkChange = { id: number; tier: string | null; by: string; isOver: boolean };

const openRow = z.object({
  id: z.number(),
  tier: z.string().nullable(),
  by: z.string(),
  isOver: z.boolean(),
});

const listOpen = `
select b.id::int as id, b.tier, b.started_by as "by", b.state not in ('waiting', 'running') as "isOver"
from rollcall.bulk_changes b
where b.state in ('waiting', 'running') or b.id in (select bulk_id from rollcall.bulk_portions)
order by b.id
`;

/** Bulk changes that still need a worker, oldest first. */
export async function listOpenBulkChanges(db: Queryable): Promise<OpenBulkChange[]> {
  return readRows(openRow, (await db.query(listOpen)).rows);
}

/** A portion of a bulk change that this process alone works on until `claimMs` are over. */
export type ClaimedPortion = {
  bulkId: number;
  number: number;
  claim: number;
  /** Users that are still to do. */
  clerkIds: string[];
  /** Users whose row is written and whose cache keys may still be old. */
  writtenIds: string[];
  failures: number;
};

const portionRow = z.object({
  bulkId: z.number(),
  number: z.number(),
  claim: z.coerce.number(),
  clerkIds: z.array(z.string()),
  writtenIds: z.array(z.string()),
  failures: z.number(),
});

const claim = `
with started as (
  update rollcall.bulk_changes set state = 'running', started_at = now(), changed_at = now()
  where id = $1 and state = 'waiting'
)
update rollcall.bulk_portions p
set claim = p.claim + 1, due_at = now() + $2 * interval '1 millisecond'
where p.bulk_id = $1 and p.number = (
  select d.number from rollcall.bulk_portions d
  where d.bulk_id = $1 and d.due_at <= now() order by d.number limit 1 for update skip locked
)
returning p.bulk_id::int as "bulkId", p.number, p.claim, p.clerk_ids as "clerkIds", p.written_ids as "writtenIds", p.failures
`;

/** Claims the next portion of a bulk change. @returns undefined while none is due */
export async function claimPortion(
  db: Queryable,
  bulkId: number,
  claimMs: number,
): Promise<ClaimedPortion | undefined> {
  return readRows(portionRow, (await db.query(claim, [bulkId, claimMs])).rows)[0];
}

/** What became of the users of a portion. */
export type PortionCounts = { done: number; failed: number; skipped: number };

/**
 * Below the pool's limit, so that Postgres ends a statement and says so. A trigger of the app may need that long for a
 * portion, and its users are locked meanwhile.
 */
const longestStatementMs = 5_000;

/** The change was cancelled, or another process has the portion. */
export class PortionLost extends Error {}

const lockPortion = `
select from rollcall.bulk_portions where bulk_id = $1 and number = $2 and claim = $3 for update
`;

/** One reason that refused all users of a portion. It ends the change if so many users are over and none is done. */
type Hopeless = { code: ErrorCode; rule: string; afterUsers: number };

const isHopeless = `(
  $5::text is not null and done + $2::integer = 0
  and failed + skipped + $3::integer + $4::integer >= least(matching, $6::integer)
)`;

const count = `
update rollcall.bulk_changes set
  done = done + $2, failed = failed + $3, skipped = skipped + $4, changed_at = now(),
  state       = case when ${isHopeless} then 'failed' else state end,
  error_code  = case when ${isHopeless} then $5 end,
  finished_at = case when ${isHopeless} then now() end
where id = $1 and state in ('waiting', 'running')
returning state = 'failed' as "isHopeless"
`;

const countedRow = z.object({ isHopeless: z.boolean() });

/**
 * Runs `work` in the transaction that proves the claim, and adds its counts.
 *
 * @returns also whether the change failed now
 * @throws PortionLost
 */
function underClaim<Result extends { counts: PortionCounts; hopeless?: Hopeless | undefined }>(
  pool: Pool,
  { bulkId, number, claim: token }: ClaimedPortion,
  work: (client: Connection) => Promise<Result>,
): Promise<Result & { isHopeless: boolean }> {
  return inTransaction(pool, async (client) => {
    await client.query(`set local statement_timeout = ${longestStatementMs}`);
    const held = await client.query(lockPortion, [bulkId, number, token]);
    if (held.rows.length === 0) throw new PortionLost();
    const result = await work(client);
    const { counts, hopeless } = result;
    const values = [counts.done, counts.failed, counts.skipped, hopeless?.code, hopeless?.afterUsers];
    const [counted] = readRows(countedRow, (await client.query(count, [bulkId, ...values])).rows);
    if (!counted) throw new PortionLost();
    return { ...result, ...counted };
  });
}

const usersOf = perTables((tables) => {
  const { users: u } = tables;
  return {
    ...(u.isSeparate ? writeSeparately(tables) : writeRows(tables)),
    find: `select ${u.clerkId} as "clerkId" from ${u.from} where ${u.clerkId} = any ($1::text[])`,
  };
});

const writeRows = ({ users: u }: Tables) => ({
  make: undefined,
  locks: [],
  // A row that the app, or a sync job, holds at this moment is left for the next attempt, so no row waits for another one.
  read: `
select ${u.clerkId} as "clerkId", ${u.deletedAt} is not null as "isDeleted" from ${u.table}
where ${u.clerkId} = any ($1::text[]) order by ${u.clerkId} collate "C" for no key update skip locked
`,
  writeTier: `
with changed as (
  update ${u.table} u set ${u.tier} = $2, ${u.updatedAt} = now()
  from (select ${u.clerkId} as clerk_id, ${u.tier}::text as tier from ${u.table} where ${u.clerkId} = any ($1::text[])) before
  where u.${u.clerkId} = before.clerk_id and before.tier is distinct from $3::text
  returning u.${u.clerkId} as clerk_id, before.tier
)
insert into rollcall.events (clerk_id, kind, cause, ref, details)
select clerk_id, 'tier_changed', 'bulk', $4::text, jsonb_build_object('from', tier, 'to', $3::text, 'by', $5::text)
from changed
returning clerk_id as "clerkId"
`,
});

/** The same with the state of the users in a table of its own. */
const writeSeparately = (tables: Tables, u = tables.users) => ({
  ...lockFreeTiers(tables),
  read: `
select ${u.clerkId} as "clerkId", ${u.deletedAt} is not null as "isDeleted" from ${u.from}
where ${u.clerkId} = any ($1::text[]) order by ${u.clerkId} collate "C"
`,
  writeTier: `
with before as materialized (
  select ${u.clerkId} as clerk_id, ${u.tier} as tier from ${u.from}
  where ${u.clerkId} = any ($1::text[]) and ${u.tier} <> $3::text
),
${writeTiers(tables)}
insert into rollcall.events (clerk_id, kind, cause, ref, details)
select clerk_id, 'tier_changed', 'bulk', $4::text, jsonb_build_object('from', tier, 'to', $3::text, 'by', $5::text)
from changed
returning clerk_id as "clerkId"
`,
});

const idRow = z.object({ clerkId: z.string() });
const lockedRow = z.object({ clerkId: z.string(), isDeleted: z.boolean() });

const refuse = `
insert into rollcall.events (clerk_id, kind, cause, ref, details)
select clerk_id, 'tier_refused', 'bulk', $2::text, jsonb_build_object('to', $3::text, 'by', $4::text, 'code', code)
from unnest($1::text[], $5::text[]) as refused (clerk_id, code)
`;

/** A row that is still locked after this many attempts is given up. */
const mostFailures = 10;
/** The wait between two of them. */
const retryMs = 2_000;

/**
 * Writes the tier of a portion's users, with an event for each user whose tier changes. A user that the app's column
 * refuses fails alone. If one rule refuses a whole portion, and no user of the change is done, the change fails. Rows that
 * are locked are left in the portion for later.
 *
 * @returns the users whose cache keys are old now, and whether the change failed
 * @throws PortionLost, or 57014 if a statement needs too long: see `halvePortion`
 */
export function writePortionTier(
  pool: Pool,
  portion: ClaimedPortion,
  change: { tier: string; by: string },
): Promise<{
  writtenIds: string[];
  counts: PortionCounts;
  hopeless: Hopeless | undefined;
  isHopeless: boolean;
}> {
  return underClaim(pool, portion, async (client) => {
    const { live, busy, skipped } = await lockPortionUsers(client, portion.clerkIds);
    const { writtenIds, refused } = await writeLocked(client, live, { ...change, bulkId: portion.bulkId });
    const isLast = portion.failures + 1 >= mostFailures;
    const givenUp = (isLast ? busy : []).map((clerkId) => ({ clerkId, code: "locked" as const }));
    await recordRefusals(client, [...refused, ...givenUp], { ...change, bulkId: portion.bulkId });
    await client.query(keepRest, [portion.bulkId, portion.number, isLast ? [] : busy, writtenIds]);
    const counts = {
      done: live.length - refused.length,
      failed: refused.length + givenUp.length,
      skipped,
    };
    return { writtenIds, counts, hopeless: findHopeless(refused) };
  });
}

const keepRest = `
update rollcall.bulk_portions set
  clerk_ids = $3, written_ids = $4,
  failures  = failures + case when cardinality($3::text[]) > 0 then 1 else 0 end
where bulk_id = $1 and number = $2
`;

/** @returns undefined if several rules refused users, or none */
function findHopeless(refused: readonly RefusedByRule[]): Hopeless | undefined {
  const [first, ...others] = refused;
  if (!first || others.some(({ rule }) => rule !== first.rule)) return undefined;
  return { ...first, afterUsers: portionSize };
}

/**
 * Halves a portion whose users together need too long. A user alone is tried again, and given up in the end: then the
 * change fails if no user is done.
 *
 * @returns whether the change failed
 * @throws PortionLost
 */
export async function halvePortion(
  pool: Pool,
  portion: ClaimedPortion,
  change: { tier: string; by: string },
  code: ErrorCode,
): Promise<{ isHopeless: boolean; counts?: PortionCounts }> {
  const { bulkId, number, claim: token, clerkIds, failures } = portion;
  if (clerkIds.length > 1) {
    const middle = Math.ceil(clerkIds.length / 2);
    const halves = [clerkIds.slice(0, middle), clerkIds.slice(middle)];
    await pool.query(halve, [bulkId, number, token, ...halves]);
    return { isHopeless: false };
  }
  if (failures + 1 < mostFailures) return { isHopeless: await failPortion(pool, portion, code) };
  return underClaim(pool, portion, async (client) => {
    const refused = clerkIds.map((clerkId) => ({ clerkId, code }));
    await recordRefusals(client, refused, { ...change, bulkId });
    await client.query(keepRest, [bulkId, number, [], []]);
    const hopeless = { code, rule: "slow", afterUsers: 1 };
    return { counts: { done: 0, failed: refused.length, skipped: 0 }, hopeless };
  });
}

// A portion has the number of its first user in the selection, so no other portion ever had the number of its second half.
const halve = `
with kept as (
  update rollcall.bulk_portions set clerk_ids = $4, due_at = now()
  where bulk_id = $1 and number = $2 and claim = $3
  returning failures
)
insert into rollcall.bulk_portions (bulk_id, number, clerk_ids, failures)
select $1, $2::integer + cardinality($4::text[]), $5, failures from kept
`;

type Refused = { clerkId: string; code: ErrorCode | "locked" };
type RefusedByRule = { clerkId: string; code: ErrorCode; rule: string };
type TierChange = { tier: string; by: string; bulkId: number };

async function writeLocked(
  client: Connection,
  clerkIds: readonly string[],
  { tier, by, bulkId }: TierChange,
): Promise<{ writtenIds: string[]; refused: RefusedByRule[] }> {
  const refused: RefusedByRule[] = [];
  const written = await splitInSavepoints(
    client,
    clerkIds,
    async (part) => {
      const { rows } = await client.query(usersOf(client).writeTier, [part, tier, tier, String(bulkId), by]);
      // A commit would run the deferred checks, and then refuse all users of the portion.
      await client.query("set constraints all immediate");
      return readRows(idRow, rows).map(({ clerkId }) => clerkId);
    },
    (clerkId, error) => {
      refused.push({ clerkId, code: readErrorCode(error), rule: describeRule(error) });
      return [];
    },
  );
  return { writtenIds: written.flat(), refused };
}

function describeRule(error: unknown): string {
  return error instanceof PostgresError ? `${error.sqlState} ${error.constraint}` : "";
}

async function recordRefusals(
  client: Queryable,
  refused: readonly Refused[],
  { tier, by, bulkId }: TierChange,
): Promise<void> {
  if (refused.length === 0) return;
  const ids = refused.map(({ clerkId }) => clerkId);
  await client.query(refuse, [ids, String(bulkId), tier, by, refused.map(({ code }) => code)]);
}

/**
 * Locks the rows of live users. busy: rows that others hold locked. skipped: the number of users that are deleted, or whose
 * row the app deleted.
 */
async function lockPortionUsers(
  client: Queryable,
  clerkIds: readonly string[],
): Promise<{ live: string[]; busy: string[]; skipped: number }> {
  const { make, locks, read } = usersOf(client);
  if (make !== undefined) await client.query(make, [clerkIds]);
  let free = clerkIds;
  for (const lock of locks)
    free = readRows(idRow, (await client.query(lock, [free])).rows).map(({ clerkId }) => clerkId);
  const locked = readRows(lockedRow, (await client.query(read, [free])).rows);
  const live = locked.flatMap(({ clerkId, isDeleted }) => (isDeleted ? [] : [clerkId]));
  const known = new Set(locked.map(({ clerkId }) => clerkId));
  const rest = clerkIds.filter((clerkId) => !known.has(clerkId));
  if (rest.length === 0) return { live, busy: [], skipped: clerkIds.length - live.length };
  const found = await client.query(usersOf(client).find, [rest]);
  const busy = readRows(idRow, found.rows).map(({ clerkId }) => clerkId);
  return { live, busy, skipped: clerkIds.length - live.length - busy.length };
}

const settle = `
with over as (
  select p.bulk_id, p.number, p.clerk_ids = '{}' or b.state not in ('waiting', 'running') as is_done
  from rollcall.bulk_portions p join rollcall.bulk_changes b on b.id = p.bulk_id
  where p.bulk_id = $1 and p.number = $2 and p.claim = $3
),
removed as (
  delete from rollcall.bulk_portions p using over
  where p.bulk_id = over.bulk_id and p.number = over.number and over.is_done
)
update rollcall.bulk_portions p set written_ids = '{}', due_at = now() + $4 * interval '1 millisecond'
from over where p.bulk_id = over.bulk_id and p.number = over.number and not over.is_done
`;

/** Ends the work on a portion whose cache keys are deleted. What is left of it comes due later. */
export async function settlePortion(
  db: Queryable,
  { bulkId, number, claim: token }: ClaimedPortion,
): Promise<void> {
  await db.query(settle, [bulkId, number, token, retryMs]);
}

/** Ends a portion whose users have their sync jobs. @param skipped users that are deleted @throws PortionLost */
export async function finishPortion(
  pool: Pool,
  portion: ClaimedPortion,
  { skipped }: { skipped: number },
): Promise<void> {
  await underClaim(pool, portion, async (client) => {
    const { bulkId, number } = portion;
    await client.query("delete from rollcall.bulk_portions where bulk_id = $1 and number = $2", [
      bulkId,
      number,
    ]);
    return { counts: { done: portion.clerkIds.length - skipped, failed: 0, skipped } };
  });
}

/** Returns a portion whose work could not begin, for example while the queue is full. */
export async function returnPortion(
  db: Queryable,
  { bulkId, number, claim: token }: ClaimedPortion,
): Promise<void> {
  await db.query(
    "update rollcall.bulk_portions set due_at = now() where bulk_id = $1 and number = $2 and claim = $3",
    [bulkId, number, token],
  );
}

const failPortionOnce = `
with failed as (
  update rollcall.bulk_portions set failures = failures + 1, due_at = now() + $4 * interval '1 millisecond'
  where bulk_id = $1 and number = $2 and claim = $3
  returning failures
)
update rollcall.bulk_changes b set state = 'failed', error_code = $5, finished_at = now(), changed_at = now()
from failed where b.id = $1 and b.state in ('waiting', 'running') and failed.failures >= ${mostFailures}
returning b.id
`;

/** Counts an unexpected failure. After ten of them the whole change fails. @returns whether it failed now */
export async function failPortion(
  db: Queryable,
  { bulkId, number, claim: token }: ClaimedPortion,
  code: ErrorCode,
): Promise<boolean> {
  return (await db.query(failPortionOnce, [bulkId, number, token, retryMs, code])).rows.length > 0;
}

/** Removes the portions of a change that is over. Those with old cache keys stay until they are settled. */
export async function dropPortions(db: Queryable, bulkId: number): Promise<void> {
  await db.query("delete from rollcall.bulk_portions where bulk_id = $1 and written_ids = '{}'", [bulkId]);
}

/** Ends a change without portions. @returns whether it ended now */
export async function finishBulkChange(db: Queryable, bulkId: number): Promise<boolean> {
  const result = await db.query(
    `update rollcall.bulk_changes b set state = 'done', finished_at = now(), changed_at = now()
     where b.id = $1 and b.state in ('waiting', 'running')
       and not exists (select from rollcall.bulk_portions p where p.bulk_id = b.id)
     returning b.id`,
    [bulkId],
  );
  return result.rows.length > 0;
}

/** Deletes changes that ended 90 days ago. */
export async function pruneBulkChanges(db: Queryable): Promise<void> {
  await db.query("delete from rollcall.bulk_changes where finished_at < now() - interval '90 days'");
}
