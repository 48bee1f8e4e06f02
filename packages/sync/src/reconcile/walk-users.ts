import { setMaxListeners } from "node:events";
import { type ListedUser, maxUsersPerPage } from "@rollcall/clerk";
import { AppError } from "@rollcall/contracts";
import { addMissingCandidates, type CreationRange, nextReadSequence } from "@rollcall/db";
import { nameErrorType, type Span, type Tracing } from "@rollcall/observability";
import {
  fetchPage,
  findUserAfter,
  type Lister,
  readCreatedAtMs,
  refuseEmptyList,
  type WalkedPage,
  type WalkPlace,
} from "./fetch-page.ts";
import {
  cutLongest,
  type OpenRange,
  openRange,
  type RangeSet,
  type WalkProgress,
  type WalkRange,
} from "./ranges.ts";
import {
  createRequestGate,
  createRetryingClerk,
  createSequence,
  type RetryingClerk,
  type Sequence,
  type Turn,
} from "./retrying-clerk.ts";
import type { Runner } from "./runner.ts";
import { type PageResult, writePage } from "./write-page.ts";

/** The default of RECONCILE_CONCURRENCY. With Clerk at 250 ms a page, it uses up the budget of a production key. */
const defaultConcurrency = 16;
/** A cut costs two requests, so it must spare more of them. */
const defaultSmallestPart = 5 * maxUsersPerPage;
/**
 * Pages that are parsed and written at once: while Postgres works on one, this process parses the other. Each takes memory,
 * and a connection that sync jobs need too.
 */
const mostPagesAtOnce = 3;

/**
 * Walks over all of Clerk's users, several ranges of creation time at once. It writes the users that differ, and records
 * live rows that the pages lack as deletion candidates.
 *
 * @param mayBeHalfDone another runner may have died after it wrote a page and before it stored that page
 * @returns the progress at the end of Clerk's list
 * @throws AppError `reconcile.list_*` when the list is empty, ends early or repeats itself
 */
export async function walkUsers(
  runner: Runner,
  from: WalkProgress,
  mayBeHalfDone: boolean,
): Promise<WalkProgress> {
  const { context, signal, dryRun } = runner;
  const { concurrency = defaultConcurrency, smallestPart = defaultSmallestPart, pool } = context;
  // A dry run predicts the order of the pages, so it collects one after the other.
  const pagesAtOnce = dryRun ? 1 : Math.min(mostPagesAtOnce, Math.max(1, Math.floor(pool.max / 3)));
  const stop = new AbortController();
  // Each lane listens. Without this, Node warns of a leak.
  setMaxListeners(0, stop.signal);
  const stopToo = () => stop.abort(signal.reason);
  if (signal.aborted) stopToo();
  signal.addEventListener("abort", stopToo);
  const { steps, readProgress } = createSteps(runner, from, stop.signal);
  const ranges = { ranges: from.ranges, mayBeHalfDone };
  try {
    await walkRanges(steps, ranges, { concurrency, pagesAtOnce, smallestPart }, stop);
    return readProgress();
  } finally {
    signal.removeEventListener("abort", stopToo);
  }
}

function createSteps(
  runner: Runner,
  from: WalkProgress,
  signal: AbortSignal,
): { steps: WalkSteps<PageResult>; readProgress: () => WalkProgress } {
  const { context, run } = runner;
  const gate = createRequestGate(context, signal);
  let progress = from;
  let number = from.pages;

  function advance(checkpoint: object, stored?: { page: RangePage; written: PageResult }) {
    if (!stored) return runner.advance(checkpoint, {});
    const { page, written } = stored;
    const { coversRange, counts, missed } = written;
    const amounts = { pages: 1, seen: page.users.length, counts, missed };
    if (coversRange) return runner.advance(checkpoint, amounts);
    const clerkIds = page.users.flatMap(({ clerkId }) => clerkId ?? []);
    return runner.advance(checkpoint, async (client) => {
      await addMissingCandidates(client, run.view.id, { clerkIds, ...page.range });
      return amounts;
    });
  }

  const steps: WalkSteps<PageResult> = {
    openLane: () => {
      const clerk = createRetryingClerk(context, signal, gate);
      return { clerk, fetch: (place, turn) => fetchSequenced(runner, clerk, place, turn) };
    },
    runBeganAtMs: readBeginMs(runner),
    tracing: context.tracing,
    write: (page) => writePage(runner, { ...page, number: number++ }),
    store: async (ranges, stored) => {
      const next: WalkProgress = {
        ...progress,
        ranges,
        pages: progress.pages + (stored ? 1 : 0),
        seen: progress.seen + (stored?.page.users.length ?? 0),
        sentinel:
          stored?.page.users.findLast(({ clerkId }) => clerkId !== null)?.clerkId ?? progress.sentinel,
      };
      await advance({ ...next, phase: "walk" }, stored);
      progress = next;
    },
  };
  return { steps, readProgress: () => progress };
}

async function fetchSequenced(
  { context }: Runner,
  clerk: RetryingClerk,
  place: WalkPlace,
  turn: Turn,
): Promise<SequencedPage> {
  const readSequence = await nextReadSequence(context.pool);
  const page = await fetchPage({ listPage: (query) => clerk.listPage(query, turn) }, place);
  const isFirst = place.afterMs === null && place.position.after === null;
  if (isFirst && page.users.length === 0) await refuseEmptyList(context.pool);
  return { ...page, readSequence };
}

/** The largest assumed difference between Clerk's clock and ours. */
const clockSkewMs = 60_000;

/** Users that were created later may have signed up while the run went on. */
export function readBeginMs({ run }: Runner): number {
  return Date.parse(run.view.startedAt ?? "") - clockSkewMs;
}

/** A page as Clerk answered it. The read sequence was drawn before the request left. */
type SequencedPage = WalkedPage & { readSequence: number };

/** A page within its range, and the creation times that it covers. */
export type RangePage = Pick<SequencedPage, "readSequence"> & {
  users: readonly ListedUser[];
  range: CreationRange;
  mayBeHalfDone: boolean;
};

/** Clerk, as one lane asks it. A lane has its own size of pages: where users are large, only its pages are small. */
type Lane = {
  clerk: Lister;
  fetch(place: WalkPlace, turn: Turn): Promise<SequencedPage>;
};

/** What a walk does with its pages. */
export type WalkSteps<Written> = {
  openLane(): Lane;
  /** By Clerk's clock: an older user than this is no sign-up of the meantime. */
  runBeganAtMs: number;
  /** Each page is a span, from its request until it is stored. */
  tracing?: Tracing | undefined;
  /** Writes the users of a page. Several pages may be written at once. */
  write(page: RangePage): Promise<Written>;
  /** Stores the ranges, and a page that was written, as one checkpoint. Calls do not overlap. */
  store(ranges: WalkRange[], stored?: { page: RangePage; written: Written }): Promise<void>;
};

export type WalkOptions = {
  /** Ranges that are walked at once. */
  concurrency: number;
  /** Pages that are parsed and written at once. */
  pagesAtOnce: number;
  /** Users; a range is not cut into smaller parts. */
  smallestPart: number;
};

type Walk<Written> = RangeSet & {
  steps: WalkSteps<Written>;
  takeTurn: (after?: Promise<unknown>) => Turn;
  storing: Sequence;
  signal: AbortSignal;
};

/**
 * Walks over all users in ranges of creation time, several at once. A lane without a range cuts the longest rest of another
 * one in two, at the creation time of the user in its middle. Ranges therefore end at about the same time, whenever the
 * users signed up. With one lane it is a walk page after page.
 *
 * Each page is stored together with the places of all ranges. `stop` is aborted when a lane fails, so that the other lanes
 * end too.
 *
 * @throws the first error of a lane, or the reason of `stop`
 */
export async function walkRanges<Written>(
  steps: WalkSteps<Written>,
  from: { ranges: readonly WalkRange[]; mayBeHalfDone: boolean },
  { concurrency, pagesAtOnce, smallestPart }: WalkOptions,
  stop: AbortController,
): Promise<void> {
  const walk: Walk<Written> = {
    steps,
    smallestPart,
    open: from.ranges.map((range) => openRange(range, from.mayBeHalfDone)),
    pending: new Set(),
    isWhole: false,
    takeTurn: createTurns(pagesAtOnce),
    storing: createSequence(),
    signal: stop.signal,
  };
  const lanes = Array.from({ length: concurrency }, () =>
    runLane(walk, steps.openLane()).catch((error: unknown) => stop.abort(error)),
  );
  await Promise.all(lanes);
  stop.signal.throwIfAborted();
}

/**
 * Each page has a turn of its own, in which it is parsed and written: `size` of them at once, in the order in which their
 * bytes came. A turn does not begin before the promise `after` is settled.
 */
function createTurns(size: number): (after?: Promise<unknown>) => Turn {
  let free = size;
  const waiting: (() => void)[] = [];

  async function begin(): Promise<void> {
    if (free > 0) free--;
    else await new Promise<void>((resolve) => waiting.push(resolve));
  }

  function end(): void {
    const next = waiting.shift();
    if (next) next();
    else free++;
  }

  return (after) => {
    let begun: Promise<void> | undefined;
    return {
      enter: async () => {
        await after;
        begun ??= begin();
        await begun;
      },
      leave: () => {
        void begun?.then(end);
        begun = undefined;
      },
    };
  };
}

type Fetched = { page: Promise<SequencedPage>; turn: Turn; span: Span | undefined };

/** A lane, with the page that it fetches ahead. A variable of `runLane` would keep the first page while its range is walked. */
type OpenLane = Lane & { ahead?: Fetched | undefined };

async function runLane<Written>(walk: Walk<Written>, lane: OpenLane): Promise<void> {
  try {
    for (;;) {
      const range = await beginRange(walk, lane);
      if (!range) return;
      while (lane.ahead) {
        const { ahead } = lane;
        lane.ahead = undefined;
        await walkPage(walk, lane, range, ahead);
      }
    }
  } finally {
    // The page before it failed. Without an end, its span would be missing from the trace, above its request.
    lane.ahead?.span?.end();
  }
}

/** Finds a range for a lane, and fetches its first page. @returns undefined when there is none */
async function beginRange<Written>(walk: Walk<Written>, lane: OpenLane): Promise<OpenRange | undefined> {
  const { steps, storing, open } = walk;
  const fetchFirst = (place: WalkPlace) => fetchAhead(walk, lane, place);
  const waiting = open.find(({ state }) => state === "waiting");
  if (waiting) {
    waiting.state = "walked";
    lane.ahead = fetchFirst(waiting.stored);
    return waiting;
  }
  const store = () => storing(() => steps.store(open.map(({ stored }) => stored)));
  const cut = await cutLongest(walk, lane.clerk, { fetchFirst, store });
  lane.ahead = cut?.first;
  return cut?.range;
}

function fetchAhead<Written>(
  { takeTurn, steps: { tracing } }: Walk<Written>,
  lane: Lane,
  place: WalkPlace,
  after?: Promise<unknown>,
): Fetched {
  const turn = takeTurn(after);
  const span = tracing?.start({ name: "reconcile full page" });
  const fetch = () => lane.fetch(place, turn);
  const page = span && tracing ? tracing.run(span, fetch) : fetch();
  // The lane awaits the page later. Until then its failure must not end the process.
  page.catch(() => undefined);
  const leave = () => {
    turn.leave();
    span?.end();
  };
  return { page, turn: { ...turn, leave }, span };
}

/**
 * Walks the page that the lane has fetched ahead. While it is written, only the next page is fetched, and its answer is kept
 * as bytes.
 */
async function walkPage<Written>(
  walk: Walk<Written>,
  lane: OpenLane,
  range: OpenRange,
  { page, turn, span }: Fetched,
): Promise<void> {
  try {
    const fetched = await page;
    await turn.enter();
    walk.signal.throwIfAborted();
    const placed = placePage(range, fetched);
    if (placed.isUnproven) await refuseCutOff(walk, lane, placed.range);
    const write = () => writeAndStore(walk, range, fetched, placed);
    const { tracing } = walk.steps;
    const writing = span && tracing ? tracing.run(span, write) : write();
    if (!placed.isLast) {
      const { afterMs } = range.stored;
      const place = { afterMs, position: fetched.next, most: countNeeded(range, placed) };
      lane.ahead = fetchAhead(walk, lane, place, writing);
    }
    await writing;
  } catch (error) {
    span?.fail(nameErrorType(error));
    throw error;
  } finally {
    turn.leave();
  }
}

/**
 * How many users the page behind this one needs: the rest of the range, and the first user behind it, which proves its end.
 * The users of a whole page would be shown by the next range again.
 */
function countNeeded({ stored }: OpenRange, { users }: PlacedPage): number {
  const rest = stored.endRank - stored.firstRank - stored.seen - users.length;
  // The rank of the end is an estimate. Where it was wrong, whole pages go on.
  return stored.untilMs === null || rest < 0 ? maxUsersPerPage : Math.min(rest + 1, maxUsersPerPage);
}

type PlacedPage = RangePage & {
  /** The range ends on this page. */
  isLast: boolean;
  /** Clerk's list ended, though it has shown users behind this range. */
  isUnproven: boolean;
};

/** Leaves out the users behind the range's end. From here on, no cut lies before a user of this page. */
function placePage(
  range: OpenRange,
  { users, next, isLast: isShort, readSequence }: SequencedPage,
): PlacedPage {
  const { afterMs, untilMs, position } = range.stored;
  const end = untilMs === null ? -1 : users.findIndex((user) => (readCreatedAtMs(user) ?? 0) > untilMs);
  const isLast = end !== -1 || isShort;
  const fromMs = position.after?.createdAtMs ?? afterMs;
  // Before the first user with a known time, the range of the page is empty.
  const reachedMs = next.after?.createdAtMs ?? fromMs ?? 0;
  const { mayBeHalfDone } = range;
  range.mayBeHalfDone = false;
  range.frontierMs = isLast ? range.frontierMs : reachedMs;
  if (isLast) range.state = "ending";
  return {
    users: end === -1 ? users : users.slice(0, end),
    readSequence,
    range: { afterMs: fromMs, untilMs: isLast ? untilMs : reachedMs },
    mayBeHalfDone,
    isLast,
    isUnproven: isShort && end === -1 && untilMs !== null,
  };
}

/** An older user than this run behind a place at which Clerk's list has just ended proves that the list was cut off. */
async function refuseCutOff<Written>(
  { steps }: Walk<Written>,
  { clerk }: Lane,
  { untilMs }: CreationRange,
): Promise<void> {
  const user = await findUserAfter(clerk, untilMs ?? 0);
  if (user && (readCreatedAtMs(user) ?? 0) <= steps.runBeganAtMs)
    throw new AppError("reconcile.list_incomplete", "Clerk's list ended before its later users");
}

async function writeAndStore<Written>(
  { steps, open, storing }: Walk<Written>,
  range: OpenRange,
  { next: position }: SequencedPage,
  page: PlacedPage,
): Promise<void> {
  const written = await steps.write(page);
  await storing(async () => {
    const seen = range.stored.seen + page.users.length;
    const isOver = page.isLast && range.stored.untilMs !== null;
    const ranges = open
      .filter((one) => one !== range || !isOver)
      .map((one) => (one === range ? { ...one.stored, position, seen } : one.stored));
    await steps.store(ranges, { page, written });
    // It may have been cut meanwhile, so its end is not that of the checkpoint.
    range.stored = { ...range.stored, position, seen };
    if (page.isLast) range.state = "done";
    if (isOver) open.splice(open.indexOf(range), 1);
  });
}
