import { type ErrorCode, readErrorCode } from "@rollcall/contracts";
import { z } from "zod";
import {
  findCreationTime,
  type Lister,
  readCreatedAtMs,
  type WalkedPage,
  type WalkPlace,
  type WalkPosition,
  walkPosition,
  walkStart,
} from "./fetch-page.ts";
import type { Turn } from "./retrying-clerk.ts";

/** A range of creation times that is walked by itself; part of the checkpoint of a full sync. */
export const walkRange = z.object({
  /** Creation times at Clerk, in milliseconds: exclusive, then inclusive. Null is no bound. */
  afterMs: z.number().nullable(),
  untilMs: z.number().nullable(),
  position: walkPosition,
  /** The places of its first user and behind its last one among all users, in the order of creation. Estimates. */
  firstRank: z.number().int(),
  endRank: z.number().int(),
  /** Distinct users on its pages so far. */
  seen: z.number().int(),
});

export type WalkRange = z.infer<typeof walkRange>;

/** The progress of a full sync over Clerk's users; part of its checkpoint. */
export const walkProgress = z.object({
  /** In the order of creation, without gaps. The last one has no end; the others are left out once they are walked. */
  ranges: z.array(walkRange).min(1),
  pages: z.number().int(),
  /** Users that Clerk counted at the start of the run, and distinct users on its pages so far. */
  total: z.number().int(),
  seen: z.number().int(),
  /** A user of the last page: an answer by id that lacks this user proves nothing. */
  sentinel: z.string().nullable(),
});

export type WalkProgress = z.infer<typeof walkProgress>;

/** The range of all users. */
export function wholeRange(total: number, position: WalkPosition = walkStart, seen = 0): WalkRange {
  return { afterMs: null, untilMs: null, position, firstRank: 0, endRank: total, seen };
}

/** A range while it is walked. */
export type OpenRange = {
  /** The range as the next checkpoint has it. Its position is behind the last page that was stored. */
  stored: WalkRange;
  /** waiting: for a lane. ending: its last page is being written. */
  state: "waiting" | "walked" | "ending" | "done";
  /** The latest creation time on its pages, also on the one that is being written; null before the first page. */
  frontierMs: number | null;
  /** All its users seem to have one creation time. */
  isStuck: boolean;
  /** A runner may have died after it wrote the next page and before it stored that page. */
  mayBeHalfDone: boolean;
};

export function openRange(stored: WalkRange, mayBeHalfDone: boolean): OpenRange {
  const frontierMs = stored.position.after?.createdAtMs ?? null;
  return { stored, state: "waiting", frontierMs, isStuck: false, mayBeHalfDone };
}

/** The ranges of a walk, and what its lanes know about cutting them. */
export type RangeSet = {
  /** In the order of creation. The last one has no end, and stays here when it is done. */
  open: OpenRange[];
  /** Users; a range is not cut into smaller parts. */
  smallestPart: number;
  /** Ranks at which lanes are about to cut. */
  pending: Set<number>;
  /** Answers of Clerk showed that its list cannot be entered in the middle. */
  isWhole: boolean;
};

type First = { page: Promise<WalkedPage>; turn: Turn };

/** How a lane cuts: it fetches the first page of a new range, and stores all ranges once they are cut. */
type Cutting<Page extends First> = { fetchFirst(place: WalkPlace): Page; store(): Promise<void> };

/** The answers of a Clerk that cannot list users from the middle on. The walk then stays whole. */
const oddAnswers: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "clerk.unreadable",
  "reconcile.list_repeated",
]);

/**
 * Cuts the longest rest of a range in two, for a lane that has none.
 *
 * @returns the new range with its first page; undefined when no cut is worth it
 */
export async function cutLongest<Page extends First>(
  set: RangeSet,
  clerk: Lister,
  cutting: Cutting<Page>,
): Promise<{ range: OpenRange; first: Page } | undefined> {
  while (!set.isWhole) {
    const planned = chooseCut(set);
    if (!planned) return undefined;
    set.pending.add(planned.rank);
    try {
      const cut = await tryCut(set.open, clerk, planned, cutting);
      if (cut) return cut;
    } catch (error) {
      if (!oddAnswers.has(readErrorCode(error))) throw error;
      set.isWhole = true;
    } finally {
      set.pending.delete(planned.rank);
    }
  }
  return undefined;
}

/**
 * Fetches the first page of a new range and then cuts. So the cut is made only if Clerk lists the users behind it, and
 * beginning with the right one.
 */
async function tryCut<Page extends First>(
  open: OpenRange[],
  clerk: Lister,
  { range: planned, rank }: { range: OpenRange; rank: number },
  { fetchFirst, store }: Cutting<Page>,
): Promise<{ range: OpenRange; first: Page } | undefined> {
  const createdAtMs = await findCreationTime(clerk, rank);
  const found = createdAtMs === undefined ? undefined : findCut(open, createdAtMs);
  if (!found) {
    // Otherwise its lane has passed that user meanwhile, and its rest is shorter now.
    const isPassed = createdAtMs !== undefined && createdAtMs < (planned.frontierMs ?? 0);
    planned.isStuck ||= !isPassed;
    return undefined;
  }
  const { afterMs } = found;
  const { cursorIgnored } = found.range.stored.position;
  const first = fetchFirst({ afterMs, position: { ...walkStart, cursorIgnored } });
  try {
    const { users } = await first.page;
    const [oldest] = users;
    // A first user without a readable time might belong to both parts.
    const isClear = oldest !== undefined && (readCreatedAtMs(oldest) ?? 0) > afterMs;
    const victim = open.find((one) => canCut(one, afterMs));
    planned.isStuck ||= !isClear;
    if (isClear && victim) {
      const range = cutRange(open, victim, { afterMs, rank });
      range.state = "walked";
      await store();
      return { range, first };
    }
    first.turn.leave();
    return undefined;
  } catch (error) {
    first.turn.leave();
    throw error;
  }
}

/**
 * Chooses the rank at which the next range should be cut: the middle of the longest part that no lane walks.
 *
 * @returns undefined when each part is too small
 */
function chooseCut({
  open,
  pending,
  smallestPart,
}: RangeSet): { range: OpenRange; rank: number } | undefined {
  let best: { range: OpenRange; rank: number; size: number } | undefined;
  for (const range of open) {
    if (range.state === "ending" || range.state === "done" || range.isStuck) continue;
    const { firstRank, seen, endRank } = range.stored;
    const start = firstRank + seen;
    const within = [...pending].filter((rank) => rank > start && rank < endRank).sort((a, b) => a - b);
    for (const [index, from] of [start, ...within].entries()) {
      const size = (within[index] ?? endRank) - from;
      if (size < 2 * smallestPart || size <= (best?.size ?? 0)) continue;
      best = { range, rank: from + Math.ceil(size / 2), size };
    }
  }
  return best;
}

/**
 * Finds the range that can be cut next to the users of one creation time. They stay together: a range holds all of them
 * or none.
 *
 * @returns the range and the `afterMs` of its new right part; undefined if no cut leaves users on both sides
 */
function findCut(
  ranges: readonly OpenRange[],
  createdAtMs: number,
): { range: OpenRange; afterMs: number } | undefined {
  for (const afterMs of [createdAtMs - 1, createdAtMs]) {
    const range = ranges.find((one) => canCut(one, afterMs));
    if (range) return { range, afterMs };
  }
  return undefined;
}

/** Whether a range can end at `afterMs`: no user behind it is on a page of the range already. */
function canCut({ stored, state, frontierMs }: OpenRange, afterMs: number): boolean {
  if (state === "ending" || state === "done" || afterMs < 0) return false;
  return (
    (frontierMs === null || afterMs >= frontierMs) &&
    (stored.afterMs === null || afterMs > stored.afterMs) &&
    (stored.untilMs === null || afterMs < stored.untilMs)
  );
}

/** Cuts a range in two. @returns the right part, which comes right behind it in `ranges` */
function cutRange(ranges: OpenRange[], range: OpenRange, cut: { afterMs: number; rank: number }): OpenRange {
  const { stored, mayBeHalfDone } = range;
  const { untilMs, position, firstRank, seen, endRank } = stored;
  const rank = Math.min(Math.max(cut.rank, firstRank + seen), endRank);
  const right = openRange(
    {
      afterMs: cut.afterMs,
      untilMs,
      position: { ...walkStart, cursorIgnored: position.cursorIgnored },
      firstRank: rank,
      endRank,
      seen: 0,
    },
    mayBeHalfDone,
  );
  range.stored = { ...stored, untilMs: cut.afterMs, endRank: rank };
  ranges.splice(ranges.indexOf(range) + 1, 0, right);
  return right;
}
