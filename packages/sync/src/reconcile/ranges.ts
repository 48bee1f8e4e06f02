import { z } from "zod";
import { type WalkPosition, walkPosition, walkStart } from "./fetch-page.ts";

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

/**
 * Chooses the rank at which the next range should be cut: the middle of the longest part that no lane walks.
 *
 * @param pending ranks at which other lanes are about to cut
 * @param smallestPart users; no part becomes smaller
 * @returns undefined when each part is too small
 */
export function chooseCut(
  ranges: readonly OpenRange[],
  pending: ReadonlySet<number>,
  smallestPart: number,
): { range: OpenRange; rank: number } | undefined {
  let best: { range: OpenRange; rank: number; size: number } | undefined;
  for (const range of ranges) {
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
export function findCut(
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
export function canCut({ stored, state, frontierMs }: OpenRange, afterMs: number): boolean {
  if (state === "ending" || state === "done" || afterMs < 0) return false;
  return (
    (frontierMs === null || afterMs >= frontierMs) &&
    (stored.afterMs === null || afterMs > stored.afterMs) &&
    (stored.untilMs === null || afterMs < stored.untilMs)
  );
}

/** Cuts a range in two. @returns the right part, which comes right behind it in `ranges` */
export function cutRange(
  ranges: OpenRange[],
  range: OpenRange,
  cut: { afterMs: number; rank: number },
): OpenRange {
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
