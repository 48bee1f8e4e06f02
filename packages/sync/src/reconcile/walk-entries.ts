import { setTimeout as sleep } from "node:timers/promises";
import { AppError } from "@rollcall/contracts";
import { z } from "zod";
import type { EntryPage } from "./retrying-clerk.ts";

/**
 * The place of a walk over a list of Clerk's that has offsets alone: organizations or memberships, oldest first. Part of the
 * checkpoint of a full sync.
 */
export const entryPosition = z.object({
  /** Where the next page begins. */
  offset: z.number().int(),
  /** The latest creation time so far; null before the first page. */
  afterMs: z.number().nullable(),
  /** Ids of the last entries, and of all entries of that time: the next page shows them again. */
  tailIds: z.array(z.string()),
  /** The last entry of the page before. */
  lastId: z.string().nullable(),
  /** Distinct entries so far. */
  seen: z.number().int(),
  /** Entries at Clerk when the walk began. */
  total: z.number().int(),
});

export type EntryPosition = z.infer<typeof entryPosition>;

export const entryStart: EntryPosition = {
  offset: 0,
  afterMs: null,
  tailIds: [],
  lastId: null,
  seen: 0,
  total: 0,
};

/** One list of Clerk's. */
export type EntryList<Entry> = {
  /** The word in messages. */
  name: string;
  list(offset: number): Promise<EntryPage<Entry>>;
  /** The id is null if it cannot be read, and so is the time. */
  describe(entry: Entry): { id: string | null; createdAtMs: number | null };
};

export type WalkedEntries<Entry> = {
  /** All entries of the page, those of the page before included. */
  entries: Entry[];
  /** The number of entries that no page before showed. */
  fresh: number;
  next: EntryPosition;
  /** The page is short, so the list ends here. */
  isLast: boolean;
};

/** Pages overlap by this many entries, because an entry that goes moves those behind it forward. */
const overlap = 50;
const maxStepsBack = 24;

/**
 * Fetches the page at a position. Entries come and go meanwhile, so an offset alone proves nothing: the page must begin
 * before the last entry that was seen, or show one of the last ones again. If it does not, entries may have moved in front
 * of it, and the walk steps back until it does.
 *
 * @throws AppError `reconcile.list_incomplete` or `reconcile.list_repeated`
 */
export async function fetchEntries<Entry>(
  list: EntryList<Entry>,
  position: EntryPosition,
): Promise<WalkedEntries<Entry>> {
  const { afterMs } = position;
  let { offset } = position;
  for (let steps = 0; steps <= maxStepsBack; steps++) {
    const page = await listWhole(list, offset);
    const shown = page.entries.map(list.describe);
    refuseDisorder(list, shown, (one, last) => one >= last);
    const isJoined = offset === 0 || afterMs === null || reaches(shown, position, afterMs);
    if (isJoined) return toWalked(list, page, shown, { ...position, offset }, steps > 0);
    offset = Math.max(0, offset - firstStepBack * 2 ** steps);
  }
  throw new AppError(
    "reconcile.list_incomplete",
    `Clerk's list of ${list.name} changes faster than it can be read`,
  );
}

const firstStepBack = 500;

type Shown = { id: string | null; createdAtMs: number | null };

/** Whether everything behind `afterMs` is on this page or behind it. */
function reaches(shown: readonly Shown[], { tailIds }: EntryPosition, afterMs: number): boolean {
  const firstMs =
    shown.find(({ createdAtMs }) => createdAtMs !== null)?.createdAtMs ?? Number.POSITIVE_INFINITY;
  return firstMs < afterMs || shown.some(({ id }) => id !== null && tailIds.includes(id));
}

function toWalked<Entry>(
  { name }: EntryList<Entry>,
  { entries, isShort, totalCount }: EntryPage<Entry>,
  shown: readonly Shown[],
  position: EntryPosition,
  steppedBack: boolean,
): WalkedEntries<Entry> {
  const tail = new Set(position.tailIds);
  const fromMs = position.afterMs ?? Number.NEGATIVE_INFINITY;
  const lastKnown = shown.findLastIndex(({ id }) => id !== null && tail.has(id));
  const isFresh = ({ id, createdAtMs }: Shown, index: number) =>
    id === null ? index > lastKnown : !tail.has(id) && (createdAtMs ?? fromMs) >= fromMs;
  const fresh = shown.filter(isFresh).length;
  const lastId = shown.at(-1)?.id ?? null;
  // Behind a step back, pages may show nothing new, but each of them ends further on.
  if (fresh === 0 && !isShort && !steppedBack && lastId === position.lastId)
    throw new AppError(
      "reconcile.list_repeated",
      `A page of Clerk's list of ${name} repeats the page before`,
    );
  const times = shown.flatMap(({ createdAtMs }) => createdAtMs ?? []);
  const lastMs = Math.max(fromMs, ...times.slice(-1));
  const isTied = ({ createdAtMs }: Shown, index: number) =>
    createdAtMs === lastMs || index >= shown.length - overlap;
  const kept = lastMs === position.afterMs ? position.tailIds : [];
  const tailIds = [...new Set([...kept, ...shown.filter(isTied).flatMap(({ id }) => id ?? [])])];
  const isFirst = position.afterMs === null && position.seen === 0;
  return {
    entries,
    fresh,
    isLast: isShort,
    next: {
      offset: position.offset + entries.length - Math.min(overlap, Math.floor(entries.length / 2)),
      afterMs: lastMs === Number.NEGATIVE_INFINITY ? null : lastMs,
      tailIds,
      lastId,
      seen: position.seen + fresh,
      total: isFirst ? (totalCount ?? 0) : position.total,
    },
  };
}

/** @throws AppError `reconcile.list_repeated` when the list is not in the requested order */
export function refuseDisorder(
  { name }: { name: string },
  shown: readonly Shown[],
  isNext: (ms: number, lastMs: number) => boolean,
): void {
  const times = shown.flatMap(({ createdAtMs }) => createdAtMs ?? []);
  if (times.some((ms, index) => !isNext(ms, times[index - 1] ?? ms)))
    throw new AppError("reconcile.list_repeated", `Clerk's list of ${name} is not in the order of creation`);
}

const maxAttempts = 3;
const waitMs = 200;

/**
 * Lists one page. A short page must be the last one by the count in the same answer: otherwise Clerk cut it off. It is
 * fetched again before the run fails, because entries are made meanwhile.
 *
 * @throws AppError `reconcile.list_incomplete`, and `clerk.too_large` for an entry that no answer can hold
 */
export async function listWhole<Entry>(
  { name, list }: Pick<EntryList<Entry>, "name" | "list">,
  offset: number,
): Promise<EntryPage<Entry>> {
  for (let attempt = 1; ; attempt++) {
    const page = await list(offset);
    const { entries, totalCount, isShort } = page;
    if (totalCount === null)
      throw new AppError("clerk.too_large", `An entry of Clerk's list of ${name} is too large`);
    const end = offset + entries.length;
    if (!isShort || end >= totalCount) return page;
    if (attempt === maxAttempts)
      throw new AppError(
        "reconcile.list_incomplete",
        `Clerk's list of ${name} ended after ${end} of ${totalCount}`,
      );
    await sleep(attempt * waitMs);
  }
}
