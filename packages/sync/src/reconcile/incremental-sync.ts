import { type ListedUser, maxUsersPerPage } from "@rollcall/clerk";
import { AppError, type RunView } from "@rollcall/contracts";
import {
  type CatchUpState,
  countUsersWhenDue,
  dropCandidatesOfEndedRuns,
  extendCover,
  findCoverBeyond,
  nextReadSequence,
  pruneRuns,
  type Queryable,
  raiseWatermark,
  readCatchUp,
  recordDifferences,
  requestRun,
  resetRun,
  storeSurplus,
} from "@rollcall/db";
import { inChildSpan } from "@rollcall/observability";
import { longestListLagMs } from "../user/confirm-absence.ts";
import { catchUpOrganizations } from "./catch-up-organizations.ts";
import { decideSurplus } from "./decide-surplus.ts";
import { refuseEmptyList } from "./fetch-page.ts";
import type { ListedPage } from "./retrying-clerk.ts";
import type { Runner } from "./runner.ts";
import { writePage } from "./write-page.ts";

/** The part of a page before the next one. Pages overlap: a deletion moves the users behind it forward meanwhile. */
const pageStep = 0.9;
/** 20 whole pages. */
const mostChanges = 20 * maxUsersPerPage * pageStep;

type Pass = {
  newestMs: number | null;
  missed: number;
  reachedEnd: boolean;
  /** Users that changed after the time down to which the pass had to read. */
  changes: number;
};

/**
 * Writes the latest changes at Clerk, newest first, down to the watermark of the last pass. It requests a full sync if
 * there are too many changes. It also does so for a lasting difference in the number of users, which shows that deletions
 * were lost.
 *
 * @throws AppError the reason of a failure; RunStop
 */
export async function runIncrementalSync(runner: Runner): Promise<RunView> {
  const { context, run, dryRun } = runner;
  const { pool } = context;
  await runner.advance({}, async (client) => {
    await resetRun(client, run.view.id);
    return {};
  });
  const state = await readCatchUp(pool);
  // Too many changes for one pass wait for a full sync. Without its cover, each pass until its end would be too long too.
  const cover = await findCoverBeyond(pool, state.watermarkMs);
  const fromMs = cover?.untilMs ?? state.watermarkMs;
  const pass = await walkChanges(runner, fromMs);
  if (dryRun) {
    const { counts, missed } = await dryRun.carryOut();
    await runner.advance({}, async (client) => {
      await recordDifferences(client, run.view.id, dryRun.differences.list());
      return { counts, missed };
    });
  }
  // Before the counts, which may request one too: an open run without a time covers no changes.
  if (!pass.reachedEnd && !dryRun) await requestFullSync(runner, pass);
  const surplus = dryRun ? state : await compareCounts(runner, state, pass);
  const storeUsers = async (client: Queryable) => {
    if (dryRun) return;
    // In a transaction of this run: a watermark ahead of the rows would hide changes that they lack.
    if (pass.reachedEnd && pass.newestMs !== null) {
      if (cover) await extendCover(client, cover.runId, pass.newestMs);
      else await raiseWatermark(client, pass.newestMs);
    }
    await storeSurplus(client, surplus);
  };
  // A list of organizations that fails must not hold the users' watermark back.
  if (context.pool.tables.organizations)
    await runner.advance({}, async (client) => {
      await storeUsers(client);
      return {};
    });
  const storeOrganizations = await catchUpOrganizations(runner);
  const reason = "More changes than one catch-up reads: a full sync was requested";
  const end = { state: "succeeded", ...(pass.reachedEnd ? {} : { reason }) } as const;
  const ended = await runner.end(end, async (client) => {
    await storeUsers(client);
    // After the users', which a dry run has recorded.
    await storeOrganizations(client);
    if (dryRun) return;
    await dropCandidatesOfEndedRuns(client);
    await pruneRuns(client);
  });
  if (!dryRun && isBusy(pass, fromMs))
    await requestRun(pool, { mode: "catch-up", dryRun: false, startedBy: "catch-up" });
  return ended;
}

/** The default of RECONCILE_CATCHUP_EVERY_MS. */
const passEveryMs = 60_000;

/**
 * Whether the changes of a minute are more than half of what one pass reads. Then the next pass does not wait for its time:
 * a worker claims it within seconds.
 */
function isBusy({ changes, newestMs }: Pass, fromMs: number | null): boolean {
  if (newestMs === null || fromMs === null || newestMs <= fromMs) return false;
  return (changes / (newestMs - fromMs)) * passEveryMs > mostChanges / 2;
}

/** @param fromMs the time down to which every change must be read; null without one */
async function walkChanges(runner: Runner, fromMs: number | null): Promise<Pass> {
  const pass: Pass = { newestMs: null, missed: 0, reachedEnd: false, changes: 0 };
  let before: ReadonlySet<string | null> = new Set();
  let offset = 0;
  const span = { name: "reconcile catch-up page" };
  for (let page = 0; offset < mostChanges && !pass.reachedEnd; page++)
    await inChildSpan(runner.context.tracing, span, () => walkPage(page));
  return pass;

  async function walkPage(page: number): Promise<void> {
    const readSequence = await nextReadSequence(runner.context.pool);
    const { users, isShort } = await listChanges(runner, offset);
    offset += Math.max(1, Math.floor(users.length * pageStep));
    if (page === 0 && users.length === 0) await refuseEmptyList(runner.context.pool);
    const { newestMs, oldestMs } = readRange(users);
    // No change would ever reach a watermark in the future.
    pass.newestMs ??= newestMs === null ? null : Math.min(newestMs, Date.now());
    const fresh = users.filter(({ clerkId }) => clerkId === null || !before.has(clerkId));
    if (users.length === maxUsersPerPage && fresh.length === 0)
      throw new AppError("reconcile.list_repeated", "A page of Clerk's list repeats the page before");
    before = new Set(users.map(({ clerkId }) => clerkId));
    const mayBeHalfDone = runner.run.isResumed;
    const { counts, missed } = await writePage(runner, {
      number: page,
      users: fresh,
      readSequence,
      mayBeHalfDone,
      // The first pass reads changes that are older than the installation.
      ...(fromMs !== null && { lagFromMs: fromMs - longestListLagMs }),
    });
    await runner.advance({}, { pages: 1, seen: fresh.length, counts, missed });
    pass.missed += missed;
    pass.changes += countChanges(fresh, fromMs);
    // The first pass has no watermark, so it reads one page and takes the watermark from it. The last page need not reach
    // the end of the overlap: otherwise many changes within five minutes would request one full sync after another.
    const isLastPage = offset >= mostChanges;
    const endMs = fromMs === null ? Number.POSITIVE_INFINITY : fromMs - (isLastPage ? 0 : longestListLagMs);
    pass.reachedEnd = isShort || (oldestMs !== null && oldestMs < endMs);
  }
}

function countChanges(users: readonly ListedUser[], fromMs: number | null): number {
  if (fromMs === null) return 0;
  return users.filter(({ result }) => "found" in result && (result.found.updated_at ?? 0) > fromMs).length;
}

const maxAttempts = 3;

/**
 * Lists one page of changes. A short page must be the last one: a page that Clerk cut off would raise the watermark over
 * unseen changes. It is fetched again before the run fails, because users sign up meanwhile.
 *
 * @throws AppError `reconcile.list_incomplete`
 */
async function listChanges({ clerk }: Runner, offset: number): Promise<ListedPage> {
  for (let attempt = 1; ; attempt++) {
    const listed = await clerk.listPage({ orderBy: "-updated_at", limit: maxUsersPerPage, offset });
    if (listed === "cursor_refused")
      throw new AppError("internal", "Clerk refused a cursor that was not sent");
    // An empty first page is checked by `refuseEmptyList`.
    const seen = offset + listed.users.length;
    if (!listed.isShort || seen === 0) return listed;
    const total = await clerk.countUsers();
    if (seen >= total) return listed;
    if (attempt === maxAttempts)
      throw new AppError("reconcile.list_incomplete", `Clerk's list ended after ${seen} of ${total} users`);
  }
}

/** @throws AppError when the list is not in the requested order */
function readRange(users: readonly ListedUser[]): { newestMs: number | null; oldestMs: number | null } {
  const stamps = users.flatMap(({ result }) => ("found" in result ? (result.found.updated_at ?? []) : []));
  if (stamps.some((stamp, index) => stamp > (stamps[index - 1] ?? stamp)))
    throw new AppError("reconcile.list_repeated", "Clerk's list is not in the order of change");
  return { newestMs: stamps[0] ?? null, oldestMs: stamps.at(-1) ?? null };
}

/** Requests a full sync. It covers every change up to `newestMs`, so its end raises the watermark to it. */
async function requestFullSync({ context }: Runner, { newestMs }: Pass): Promise<void> {
  const watermark = newestMs === null ? {} : { watermarkMs: newestMs };
  const request = { mode: "full", dryRun: false, startedBy: "catch-up", ...watermark } as const;
  await requestRun(context.pool, request);
}

/** Compares the number of users here and at Clerk: see `decideSurplus`. A pass in which no count is due compares nothing. */
async function compareCounts(
  { context, clerk }: Runner,
  state: CatchUpState,
  pass: Pass,
): Promise<Omit<CatchUpState, "watermarkMs">> {
  const atClerk = await clerk.countUsers();
  const counted = await countUsersWhenDue(context.pool);
  const surplus = counted && counted.live - counted.held - atClerk;
  return decideSurplus(context.pool, state, surplus, pass.missed > 0);
}
