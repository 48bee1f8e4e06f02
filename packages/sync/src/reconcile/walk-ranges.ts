import type { ListedUser } from "@rollcall/clerk";
import { AppError, type ErrorCode, readErrorCode } from "@rollcall/contracts";
import type { CreationRange } from "@rollcall/db";
import { readCreatedAtMs, type WalkedPage, type WalkPlace, walkStart } from "./fetch-page.ts";
import { canCut, chooseCut, cutRange, findCut, type OpenRange, openRange, type WalkRange } from "./ranges.ts";
import { createSlots, createTurn, type Slots, type Turn } from "./slots.ts";

/** A page as Clerk answered it. The read sequence was drawn before the request left. */
export type SequencedPage = WalkedPage & { readSequence: number };

/** A page within its range, and the creation times that it covers. */
export type RangePage = Pick<SequencedPage, "readSequence"> & {
  users: readonly ListedUser[];
  range: CreationRange;
  mayBeHalfDone: boolean;
};

/** Clerk, as one lane asks it. */
export type Lane = {
  fetch(place: WalkPlace, turn: Turn): Promise<SequencedPage>;
  /** The creation time of the user behind `rank` older ones; undefined when it cannot be read. */
  findCreationTime(rank: number): Promise<number | undefined>;
  /** Whether Clerk has an older user than this run behind a time at which its list has just ended. */
  isCutOff(afterMs: number): Promise<boolean>;
};

/** What a walk does with its pages. */
export type WalkSteps<Written> = {
  openLane(): Lane;
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

type Walk<Written> = {
  steps: WalkSteps<Written>;
  smallestPart: number;
  /** In the order of creation. The last one has no end, and stays here when it is done. */
  ranges: OpenRange[];
  /** Ranks at which lanes are about to cut. */
  pending: Set<number>;
  /** Answers of Clerk showed that its list cannot be entered in the middle. */
  isWhole: boolean;
  parsing: Slots;
  storing: Slots;
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
    ranges: from.ranges.map((range) => openRange(range, from.mayBeHalfDone)),
    pending: new Set(),
    isWhole: false,
    parsing: createSlots(pagesAtOnce),
    storing: createSlots(1),
    signal: stop.signal,
  };
  const lanes = Array.from({ length: concurrency }, () =>
    runLane(walk, steps.openLane()).catch((error: unknown) => stop.abort(error)),
  );
  await Promise.all(lanes);
  stop.signal.throwIfAborted();
}

type Fetched = { page: Promise<SequencedPage>; turn: Turn };

async function runLane<Written>(walk: Walk<Written>, lane: Lane): Promise<void> {
  for (;;) {
    const waiting = walk.ranges.find(({ state }) => state === "waiting");
    if (waiting) {
      waiting.state = "walked";
      await walkRange(walk, lane, waiting, fetchAhead(walk, lane, waiting.stored));
      continue;
    }
    const cut = await cutLongest(walk, lane);
    if (!cut) return;
    await walkRange(walk, lane, cut.range, cut.first);
  }
}

function fetchAhead<Written>(
  { parsing }: Walk<Written>,
  lane: Lane,
  place: WalkPlace,
  after?: Promise<unknown>,
): Fetched {
  const turn = createTurn(parsing, after);
  const page = lane.fetch(place, turn);
  // The lane awaits the page later. Until then its failure must not end the process.
  page.catch(() => undefined);
  return { page, turn };
}

/** Walks a range to its end. While a page is written, only the next page is fetched, and its answer is kept as bytes. */
async function walkRange<Written>(
  walk: Walk<Written>,
  lane: Lane,
  range: OpenRange,
  first: Fetched,
): Promise<void> {
  for (let pending = first; ; ) {
    const { turn } = pending;
    try {
      const fetched = await pending.page;
      await turn.enter();
      walk.signal.throwIfAborted();
      const placed = placePage(range, fetched);
      if (placed.isUnproven && (await lane.isCutOff(placed.range.untilMs ?? 0)))
        throw new AppError("reconcile.list_incomplete", "Clerk's list ended before its later users");
      const writing = writePage(walk, range, fetched, placed);
      if (!placed.isLast) {
        const place = { afterMs: range.stored.afterMs, position: fetched.next };
        pending = fetchAhead(walk, lane, place, writing);
      }
      await writing;
      if (placed.isLast) return;
    } finally {
      turn.leave();
    }
  }
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

async function writePage<Written>(
  { steps, ranges, storing }: Walk<Written>,
  range: OpenRange,
  { next: position }: SequencedPage,
  page: PlacedPage,
): Promise<void> {
  const written = await steps.write(page);
  await storing.run(async () => {
    const seen = range.stored.seen + page.users.length;
    const isOver = page.isLast && range.stored.untilMs !== null;
    const stored = ranges
      .filter((one) => one !== range || !isOver)
      .map((one) => (one === range ? { ...one.stored, position, seen } : one.stored));
    await steps.store(stored, { page, written });
    // It may have been cut meanwhile, so its end is not that of the checkpoint.
    range.stored = { ...range.stored, position, seen };
    if (page.isLast) range.state = "done";
    if (isOver) ranges.splice(ranges.indexOf(range), 1);
  });
}

/** The answers of a Clerk that cannot list users from the middle on. The walk then stays whole. */
const oddAnswers: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "clerk.unreadable",
  "reconcile.list_repeated",
]);

/** Cuts the longest rest of a range in two, for a lane that has none. @returns undefined when no cut is worth it */
async function cutLongest<Written>(
  walk: Walk<Written>,
  lane: Lane,
): Promise<{ range: OpenRange; first: Fetched } | undefined> {
  while (!walk.isWhole) {
    const planned = chooseCut(walk.ranges, walk.pending, walk.smallestPart);
    if (!planned) return undefined;
    walk.pending.add(planned.rank);
    try {
      const cut = await tryCut(walk, lane, planned);
      if (cut) return cut;
    } catch (error) {
      if (!oddAnswers.has(readErrorCode(error))) throw error;
      walk.isWhole = true;
    } finally {
      walk.pending.delete(planned.rank);
    }
  }
  return undefined;
}

/**
 * Fetches the first page of a new range and then cuts. So the cut is made only if Clerk lists the users behind it, and
 * beginning with the right one.
 */
async function tryCut<Written>(
  walk: Walk<Written>,
  lane: Lane,
  { range: planned, rank }: { range: OpenRange; rank: number },
): Promise<{ range: OpenRange; first: Fetched } | undefined> {
  const { ranges } = walk;
  const createdAtMs = await lane.findCreationTime(rank);
  const found = createdAtMs === undefined ? undefined : findCut(ranges, createdAtMs);
  if (!found) {
    // Otherwise its lane has passed that user meanwhile, and its rest is shorter now.
    const isPassed = createdAtMs !== undefined && createdAtMs < (planned.frontierMs ?? 0);
    planned.isStuck ||= !isPassed;
    return undefined;
  }
  const { afterMs } = found;
  const { cursorIgnored } = found.range.stored.position;
  const first = fetchAhead(walk, lane, { afterMs, position: { ...walkStart, cursorIgnored } });
  try {
    const { users } = await first.page;
    const [oldest] = users;
    // A first user without a readable time might belong to both parts.
    const isClear = oldest !== undefined && (readCreatedAtMs(oldest) ?? 0) > afterMs;
    const victim = ranges.find((one) => canCut(one, afterMs));
    planned.isStuck ||= !isClear;
    if (isClear && victim) {
      const range = cutRange(ranges, victim, { afterMs, rank });
      range.state = "walked";
      await walk.storing.run(() => walk.steps.store(ranges.map(({ stored }) => stored)));
      return { range, first };
    }
    first.turn.leave();
    return undefined;
  } catch (error) {
    first.turn.leave();
    throw error;
  }
}
