import { type ListedUser, maxUsersPerPage } from "@rollcall/clerk";
import { AppError, type RunView } from "@rollcall/contracts";
import {
  type CatchUpState,
  countUsers,
  dropCandidatesOfEndedRuns,
  nextReadSequence,
  pruneRuns,
  raiseWatermark,
  readCatchUp,
  requestRun,
  resetRun,
  storeSurplus,
} from "@rollcall/db";
import { refuseEmptyList } from "./refuse-empty-list.ts";
import type { Runner } from "./runner.ts";
import { writePage } from "./write-page.ts";

/** Pages overlap: while they are read, a deletion moves those behind it forward. */
const pageStep = 450;
const mostPages = 20;
/** Clerk may show a change a little after one that came later. */
const overlapMs = 5 * 60_000;

type Pass = { newestMs: number | null; missed: number; reachedEnd: boolean };

/**
 * Makes our rows equal to what changed at Clerk lately: newest changes first, down to the watermark of the last
 * pass. What is too much for that is left to a full run, and so is a lasting difference in the number of users,
 * which is how lost deletions show.
 *
 * @throws AppError why it failed; RunStop
 */
export async function catchUp(runner: Runner): Promise<RunView> {
  const { context, run, trial } = runner;
  const { pool } = context;
  await runner.advance({}, async (client) => {
    await resetRun(client, run.view.id);
    return {};
  });
  const state = await readCatchUp(pool);
  const pass = await walkChanges(runner, state);
  if (trial) {
    const counts = await trial.carryOut();
    await runner.advance({}, async () => ({ counts }));
  }
  const surplus = trial ? state : await compareCounts(runner, state, pass);
  if (!pass.reachedEnd && !trial) await leaveToFullSync(runner, pass);
  const reason = "More changed than a catch-up takes on: a full run does it";
  const end = { state: "succeeded", ...(pass.reachedEnd ? {} : { reason }) } as const;
  return runner.end(end, async (client) => {
    if (trial) return;
    // In the transaction that ends the run: a watermark ahead of the rows would hide what they lack.
    if (pass.reachedEnd && pass.newestMs !== null) await raiseWatermark(client, pass.newestMs);
    await storeSurplus(client, surplus);
    await dropCandidatesOfEndedRuns(client);
    await pruneRuns(client);
  });
}

async function walkChanges(runner: Runner, { watermarkMs }: CatchUpState): Promise<Pass> {
  const pass: Pass = { newestMs: null, missed: 0, reachedEnd: false };
  let before: ReadonlySet<string | null> = new Set();
  for (let page = 0; page < mostPages && !pass.reachedEnd; page++) {
    const ticket = await nextReadSequence(runner.context.pool);
    const users = await listChanges(runner, page * pageStep);
    if (page === 0 && users.length === 0) await refuseEmptyList(runner);
    const { newestMs, oldestMs } = readRange(users);
    // A stamp in the future would be a watermark that nothing reaches.
    pass.newestMs ??= newestMs === null ? null : Math.min(newestMs, Date.now());
    const fresh = users.filter(({ clerkId }) => clerkId === null || !before.has(clerkId));
    if (users.length === maxUsersPerPage && fresh.length === 0)
      throw new AppError("reconcile.list_repeated", "A page of Clerk's list repeats the page before");
    before = new Set(users.map(({ clerkId }) => clerkId));
    const mayBeHalfDone = runner.run.isResumed;
    const { counts, missed } = await writePage(runner, {
      number: page,
      users: fresh,
      ticket,
      mayBeHalfDone,
    });
    await runner.advance({}, async () => ({ pages: 1, seen: fresh.length, counts, missed }));
    pass.missed += missed;
    // Nobody knows a watermark before the first pass: then one page says where to begin. The last page need not
    // reach the overlap's end, or changes of many within five minutes would ask for sweep after sweep.
    const isLastPage = page === mostPages - 1;
    const endMs =
      watermarkMs === null ? Number.POSITIVE_INFINITY : watermarkMs - (isLastPage ? 0 : overlapMs);
    pass.reachedEnd = users.length < maxUsersPerPage || (oldestMs !== null && oldestMs < endMs);
  }
  return pass;
}

const mostReadings = 3;

/**
 * A short page must be the last one: one that Clerk cut off would move the watermark over changes that nobody saw.
 * It is read again before it is blamed, since users come while it is read.
 *
 * @throws AppError `reconcile.list_incomplete`
 */
async function listChanges({ clerk }: Runner, offset: number): Promise<ListedUser[]> {
  for (let reading = 1; ; reading++) {
    const listed = await clerk.listUsers({ orderBy: "-updated_at", limit: maxUsersPerPage, offset });
    if (listed === "cursor_refused") throw new AppError("internal", "A cursor was refused that was not sent");
    // An empty list is another matter: see `refuseEmptyList`.
    if (listed.length === maxUsersPerPage || offset + listed.length === 0) return listed;
    const [seen, total] = [offset + listed.length, await clerk.countUsers()];
    if (seen >= total) return listed;
    if (reading === mostReadings)
      throw new AppError("reconcile.list_incomplete", `Clerk's list ended after ${seen} of ${total} users`);
  }
}

/** @throws AppError when the list is not in the order that was asked for */
function readRange(users: readonly ListedUser[]): { newestMs: number | null; oldestMs: number | null } {
  const stamps = users.flatMap(({ result }) => ("found" in result ? [result.found.updated_at] : []));
  if (stamps.some((stamp, index) => stamp > (stamps[index - 1] ?? stamp)))
    throw new AppError("reconcile.list_repeated", "Clerk's list is not in the order of change");
  return { newestMs: stamps[0] ?? null, oldestMs: stamps.at(-1) ?? null };
}

/** The full run covers what Clerk had shown before it began, so that its end can raise the watermark. */
async function leaveToFullSync({ context }: Runner, { newestMs }: Pass): Promise<void> {
  const watermark = newestMs === null ? {} : { watermarkMs: newestMs };
  const request = { mode: "full", dryRun: false, startedBy: "catch-up", ...watermark } as const;
  await requestRun(context.pool, request);
}

const lastingPasses = 3;

/**
 * Compares the number of users here and at Clerk. A difference that stays the same over passes which find nothing
 * that was missed starts a full run, once for each difference: one that a sweep cannot mend must not start one for ever.
 */
async function compareCounts(
  { context, clerk }: Runner,
  state: CatchUpState,
  pass: Pass,
): Promise<Omit<CatchUpState, "watermarkMs">> {
  const there = await clerk.countUsers();
  const { live, held } = await countUsers(context.pool);
  const surplus = live - held - there;
  if (surplus === 0) return { surplus, surplusPasses: 0, checkedSurplus: 0 };
  const lasts = surplus === state.surplus && pass.missed === 0;
  const surplusPasses = lasts ? state.surplusPasses + 1 : 1;
  if (surplusPasses < lastingPasses || surplus === state.checkedSurplus) {
    return { surplus, surplusPasses, checkedSurplus: state.checkedSurplus };
  }
  const request = { mode: "full", dryRun: false, startedBy: "catch-up" } as const;
  const { isNew } = await requestRun(context.pool, request);
  return { surplus, surplusPasses, checkedSurplus: isNew ? surplus : state.checkedSurplus };
}
