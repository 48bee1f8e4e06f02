import type { ListedUser, UserListQuery } from "@rollcall/clerk";
import type { Scheduler } from "fast-check";
import { fetchPage, type Lister } from "../fetch-page.ts";
import { type WalkRange, wholeRange } from "../ranges.ts";
import { type RangePage, type WalkSteps, walkRanges } from "../walk-users.ts";

export type ModelUser = { id: string; createdAtMs: number };

/** A change at Clerk, between two of its answers. */
export type Churn =
  | { kind: "delete"; at: number }
  | { kind: "sign-up" }
  | { kind: "import"; createdAtMs: number }
  | { kind: "none" };

type ModelOptions = {
  users: readonly ModelUser[];
  /** One change before each answer. */
  churn: readonly Churn[];
  /** The number of users that the walk expects. */
  total: number;
  pageSize: number;
  smallestPart: number;
  pagesAtOnce: number;
  /** Decides the order in which steps end. Without one, requests take time alone, and end together. */
  scheduler?: Scheduler;
  /** What Clerk understands of a query. */
  change?: (query: UserListQuery) => UserListQuery;
  /** A page ends before this user, as if the list ended there. */
  cutOff?: (user: ModelUser) => boolean;
};

/** The process is gone: no step of it has an effect any more. */
class Death extends Error {}

/** All users of the start signed up before. */
const beganAtMs = 1_000_000_000_000;

/**
 * A list of users at Clerk, rows, deletion candidates and a checkpoint in memory. A walk over them may die at each of its
 * steps. Its steps end in any order.
 */
export function startModel(options: ModelOptions) {
  const {
    total,
    pageSize,
    smallestPart,
    pagesAtOnce,
    scheduler,
    cutOff,
    change = (query) => query,
  } = options;
  const clerk = new Map(options.users.map((user) => [user.id, user]));
  const churn = [...options.churn];
  const stayed = new Set(clerk.keys());
  // One row at each time of a user whose user is gone.
  const ghosts = [...new Set(options.users.map(({ createdAtMs }) => createdAtMs))].map((createdAtMs) => ({
    id: `user_ghost_${createdAtMs}`,
    createdAtMs,
  }));
  const rows = new Map([...clerk.values(), ...ghosts].map((row) => [row.id, row]));
  let checkpoint: WalkRange[] = [wholeRange(total)];
  let signUps = 0;
  let current = startProcess(undefined);
  const model = {
    visited: new Set<string>(),
    candidates: new Set<string>(),
    ghosts: ghosts.map(({ id }) => id),
    /** The users of stored pages. */
    counted: [] as string[],
    /** Users of pages that were half done at a death, and that were walked again without that mark. */
    unmarked: [] as string[],
    deaths: 0,
    requests: 0,
    /** Users on all answers. */
    answered: 0,
    rounds: 0,
    /** Ranges that were stored. */
    parts: 0,
    /** The most requests under way, pages that are written, and open ranges. */
    mostRequests: 0,
    mostPages: 0,
    widest: 0,
    listStayed: () => [...stayed],
    walk,
  };
  /** Users that were written and whose page was not stored. */
  const halfDone = new Set<string>();
  let requestsNow = 0;
  let pagesNow = 0;

  let round: Promise<void> | undefined;
  /** Ends together with all requests that began since the round before. */
  function nextRound(): Promise<void> {
    round ??= new Promise((resolve) => {
      setImmediate(() => {
        round = undefined;
        model.rounds++;
        resolve();
      });
    });
    return round;
  }

  async function step(label: "request" | "write" | "store" | "stored"): Promise<void> {
    const own = current;
    if (scheduler) await scheduler.schedule(Promise.resolve(), label);
    else if (label === "request") await nextRound();
    if (own.death.signal.aborted) throw new Death();
    if (++own.steps < own.diesAt) return;
    own.death.abort();
    model.deaths++;
    throw new Death();
  }

  function applyChurn(): void {
    const next = churn.shift();
    if (next === undefined || next.kind === "none") return;
    if (next.kind === "delete") {
      const ids = [...clerk.keys()];
      const id = ids[next.at % Math.max(1, ids.length)];
      if (id === undefined) return;
      clerk.delete(id);
      stayed.delete(id);
      return;
    }
    const id = `user_new_${++signUps}`;
    const createdAtMs = next.kind === "sign-up" ? beganAtMs + signUps : next.createdAtMs;
    clerk.set(id, { id, createdAtMs });
  }

  /** Clerk's list, as the retrying Clerk answers it: pages may be smaller than their limit without being short. */
  const lister: Lister = {
    listPage: async (asked) => {
      model.requests++;
      model.mostRequests = Math.max(model.mostRequests, ++requestsNow);
      try {
        await step("request");
        applyChurn();
        const query = change(asked);
        const { limit, offset = 0, startingAfter, createdAfterMs = -1 } = query;
        const sorted = [...clerk.values()].sort(byCreation);
        const cursor = startingAfter === undefined ? undefined : clerk.get(startingAfter);
        if (startingAfter !== undefined && !cursor) return "cursor_refused";
        const behind = sorted.filter((user) => !cursor || byCreation(user, cursor) > 0);
        const matching = behind.filter(({ createdAtMs }) => createdAtMs > createdAfterMs).slice(offset);
        const most = Math.min(limit, pageSize);
        const page = matching.slice(0, most);
        const end = limit === 1 || !cutOff ? -1 : page.findIndex(cutOff);
        const users = (end === -1 ? page : page.slice(0, end)).map(toListed);
        model.answered += users.length;
        return { users, isShort: users.length < most };
      } finally {
        requestsNow--;
      }
    },
  };

  const steps: WalkSteps<void> = {
    openLane: () => ({
      clerk: lister,
      fetch: async (place, turn) => {
        const page = await fetchPage(lister, place);
        await Promise.race([turn.enter(), current.died]);
        return { ...page, readSequence: 0 };
      },
    }),
    runBeganAtMs: beganAtMs - 1,
    write: async ({ users, mayBeHalfDone }) => {
      model.mostPages = Math.max(model.mostPages, ++pagesNow);
      try {
        await step("write");
        for (const { clerkId: id } of users) {
          if (id === null) continue;
          if (halfDone.has(id) && !mayBeHalfDone) model.unmarked.push(id);
          halfDone.add(id);
          visit(id);
        }
      } finally {
        pagesNow--;
      }
    },
    store: async (ranges, stored) => {
      await step("store");
      checkpoint = structuredClone(ranges);
      model.widest = Math.max(model.widest, ranges.length);
      if (!stored) model.parts++;
      if (stored) storePage(stored.page);
      // The process may die after the commit and before it knows.
      await step("stored");
    },
  };

  function visit(id: string): void {
    model.visited.add(id);
    const user = clerk.get(id);
    if (user) rows.set(id, user);
  }

  function storePage({ users, range: { afterMs, untilMs } }: RangePage): void {
    const ids = new Set(users.flatMap(({ clerkId }) => clerkId ?? []));
    for (const id of ids) {
      model.candidates.delete(id);
      halfDone.delete(id);
    }
    for (const { id, createdAtMs } of rows.values())
      if (
        !ids.has(id) &&
        createdAtMs > (afterMs ?? -1) &&
        createdAtMs <= (untilMs ?? Number.POSITIVE_INFINITY)
      )
        model.candidates.add(id);
    model.counted.push(...ids);
  }

  /** Walks until the end. @param concurrency of each attempt @param deaths the steps at which attempts die */
  async function walk(concurrency: readonly number[], deaths: readonly number[]): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      current = startProcess(deaths[attempt]);
      const lanes = concurrency[attempt % concurrency.length] ?? 1;
      const from = { ranges: checkpoint, mayBeHalfDone: attempt > 0 };
      const settings = { concurrency: lanes, pagesAtOnce, smallestPart };
      const walking = walkRanges(steps, from, settings, new AbortController());
      try {
        await (scheduler ? scheduler.waitFor(walking) : walking);
        return;
      } catch (error) {
        if (!(error instanceof Death)) throw error;
        requestsNow = 0;
        pagesNow = 0;
      }
    }
  }

  return model;
}

/** @param diesAt the number of its last step; undefined: it lives until the end */
function startProcess(diesAt = Number.POSITIVE_INFINITY) {
  const death = new AbortController();
  const died = new Promise<never>((_, reject) => {
    death.signal.addEventListener("abort", () => reject(new Death()));
  });
  died.catch(() => undefined);
  return { steps: 0, diesAt, death, died };
}

function byCreation(a: ModelUser, b: ModelUser): number {
  return a.createdAtMs - b.createdAtMs || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}

function toListed({ id, createdAtMs }: ModelUser): ListedUser {
  return { clerkId: id, result: { found: { id, created_at: createdAtMs, updated_at: createdAtMs } } };
}
