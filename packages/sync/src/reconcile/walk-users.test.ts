import type { UserListQuery } from "@rollcall/clerk";
import { AppError, readErrorCode } from "@rollcall/contracts";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Churn, type ModelUser, startModel } from "./testing/walk-model.ts";

/** Few times for many users, so that many share one. */
const time = fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 1_000 }), fc.constant(500));
const people = fc
  .array(time, { minLength: 1, maxLength: 45 })
  .map((times) => times.map((createdAtMs, index): ModelUser => ({ id: `user_${name(index)}`, createdAtMs })));
const churns = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant("delete" as const), at: fc.nat() }),
    fc.record({ kind: fc.constant("sign-up" as const) }),
    fc.record({ kind: fc.constant("import" as const), createdAtMs: time }),
    fc.constant({ kind: "none" as const }),
  ),
  { maxLength: 40 },
);
const options = {
  pageSize: fc.integer({ min: 1, max: 6 }),
  smallestPart: fc.integer({ min: 1, max: 6 }),
  pagesAtOnce: fc.integer({ min: 1, max: 3 }),
};
/** One number of lanes for each attempt. */
const lanes = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 6 });
/** The step at which each attempt dies. */
const deaths = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 5 });

/** Names that are not in the order of their creation. */
function name(index: number): string {
  return String((index * 7_919) % 10_007).padStart(5, "0");
}

describe("a walk over several ranges at once", () => {
  test("visits each user that exists throughout, and makes none a deletion candidate, however it dies and resumes", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.record({ people, churns, lanes, deaths, error: fc.integer({ min: -10, max: 10 }), ...options }),
        async (
          scheduler,
          { people: users, churns: churn, lanes: concurrency, deaths: dies, error, ...rest },
        ) => {
          const model = startModel({
            users,
            churn,
            total: Math.max(0, users.length + error),
            scheduler,
            ...rest,
          });
          const ended = await model.walk(concurrency, dies).catch((failure: unknown) => failure);
          // An import behind the end of a list looks like a list that was cut off.
          if (readErrorCode(ended) === "reconcile.list_incomplete" && churn.some(isImport)) return;
          expect(ended).toBeUndefined();
          const stayed = model.listStayed();
          expect(stayed.filter((id) => !model.visited.has(id))).toEqual([]);
          expect(stayed.filter((id) => model.candidates.has(id))).toEqual([]);
          expect(model.ghosts.filter((id) => !model.candidates.has(id))).toEqual([]);
          expect(model.mostRequests).toBeLessThanOrEqual(Math.max(...concurrency));
          expect(model.mostPages).toBeLessThanOrEqual(rest.pagesAtOnce);
        },
      ),
      { numRuns: 400 },
    );
  });

  test("counts each user once while no user comes or goes", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.record({ people, lanes, deaths, ...options }),
        async (scheduler, { people: users, lanes: concurrency, deaths: dies, ...rest }) => {
          const model = startModel({ users, churn: [], total: users.length, scheduler, ...rest });
          await model.walk(concurrency, dies);
          expect(model.counted.toSorted()).toEqual(users.map(({ id }) => id).toSorted());
          expect(model.unmarked).toEqual([]);
        },
      ),
      { numRuns: 200 },
    );
  });

  test("goes on after a death at any step, with another number of lanes", async () => {
    const users = Array.from({ length: 40 }, (_, index) => {
      // A few early users, 15 of one millisecond, and the rest close together.
      const createdAtMs = index < 5 ? index * 100 : Math.max(700, 685 + index);
      return { id: `user_${name(index)}`, createdAtMs };
    });
    const settings = { pageSize: 3, smallestPart: 3, pagesAtOnce: 2, churn: [], total: 40 };
    let step = 1;
    for (let isOver = false; !isOver; step++) {
      const model = startModel({ users, ...settings });
      await model.walk([4, (step % 6) + 1], [step]);
      expect(model.counted.toSorted(), `after step ${step}`).toEqual(users.map(({ id }) => id).toSorted());
      expect(model.unmarked, `after step ${step}`).toEqual([]);
      isOver = model.deaths === 0;
    }
    expect(step).toBeGreaterThan(40);
  });
});

describe("ranges", () => {
  test("are equal in size although nearly all users signed up within a second", async () => {
    const users = Array.from({ length: 800 }, (_, index) => {
      const createdAtMs = index < 10 ? index * 100_000_000 : 1_000_000_000 + index;
      return { id: `user_${name(index)}`, createdAtMs };
    });
    const model = startModel({ users, churn: [], total: 800, pageSize: 5, smallestPart: 25, pagesAtOnce: 3 });
    await model.walk([8], []);
    expect(model.widest).toBe(8);
    // 160 pages. With equal ranges, 8 lanes need 20 rounds, and the cuts and ends of the ranges some more.
    expect(model.rounds).toBeLessThan(32);
    // Each range began with one user, and shows one of the next range. With whole pages at the ends it would be 842.
    expect(model.answered).toBeLessThanOrEqual(800 + 2 * model.parts);
  });

  test("hold all users of one millisecond, which one lane walks", async () => {
    const users = Array.from({ length: 60 }, (_, index) => ({ id: `user_${name(index)}`, createdAtMs: 7 }));
    const model = startModel({ users, churn: [], total: 60, pageSize: 4, smallestPart: 4, pagesAtOnce: 1 });
    await model.walk([6], []);
    expect(model.counted).toHaveLength(60);
    // Each of the other lanes finds out with a few requests that it cannot cut.
    expect(model.requests).toBeLessThanOrEqual(60 / 4 + 1 + 5 * 4);
  });

  test("are not cut by one lane, and the requests are those of a walk page after page", async () => {
    const users = Array.from({ length: 60 }, (_, index) => ({
      id: `user_${name(index)}`,
      createdAtMs: index,
    }));
    const model = startModel({ users, churn: [], total: 60, pageSize: 5, smallestPart: 5, pagesAtOnce: 1 });
    await model.walk([1], []);
    expect(model.requests).toBe(60 / 5 + 1);
  });

  test.each<[string, (query: UserListQuery) => UserListQuery]>([
    ["ignores created_at_after", ({ createdAfterMs: _, ...query }) => query],
    ["ignores offset", ({ offset: _, ...query }) => query],
    [
      "refuses an offset",
      (query) => {
        if (query.offset) throw new AppError("clerk.unreadable", "Clerk answered 422");
        return query;
      },
    ],
  ])("are never cut wrongly when Clerk %s", async (_, change) => {
    const users = Array.from({ length: 50 }, (_, index) => ({
      id: `user_${name(index)}`,
      createdAtMs: index,
    }));
    const settings = { churn: [], total: 50, pageSize: 5, smallestPart: 5, pagesAtOnce: 2 };
    const model = startModel({ users, ...settings, change });
    await model.walk([4], []);
    expect(model.counted.toSorted()).toEqual(users.map(({ id }) => id).toSorted());
  });

  test("fail the walk when a list ends before users that another range has shown", async () => {
    const users = Array.from({ length: 50 }, (_, index) => ({
      id: `user_${name(index)}`,
      createdAtMs: index,
    }));
    const settings = { churn: [], total: 50, pageSize: 5, smallestPart: 5, pagesAtOnce: 2 };
    const model = startModel({ users, ...settings, cutOff: ({ createdAtMs }) => createdAtMs === 13 });
    await expect(model.walk([4], [])).rejects.toMatchObject({ code: "reconcile.list_incomplete" });
  });
});

const isImport = (churn: Churn) => churn.kind === "import";
