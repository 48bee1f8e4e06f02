import { decideRequestBudget } from "@rollcall/sync";
import { describe, expect, test } from "vitest";
import {
  forecastBacklog,
  forecastConfirmation,
  forecastFullSync,
  forecastIncrementalSync,
} from "./forecast.ts";

const production = decideRequestBudget("sk_live_x", 0.5);
const development = decideRequestBudget("sk_test_x", 0.5);

describe("a full sync", () => {
  test("needs one page more than its users fill, because only a short page ends it", () => {
    const pages = (users: number) => forecastFullSync({ users, pageMs: 1, budget: production }).pages;
    expect([pages(0), pages(499), pages(500), pages(1_000_000)]).toEqual([1, 1, 2, 2_001]);
  });

  test("takes the sum of its pages while the budget allows more", () => {
    const { hours, limitedBy } = forecastFullSync({ users: 1_799_999, pageMs: 1_000, budget: production });
    expect([hours, limitedBy]).toEqual([1, "pages"]);
  });

  test("takes the time of the budget if pages are faster", () => {
    // 100,002 requests less the first window's 50, 11 s for each 50 of them.
    const { hours, limitedBy } = forecastFullSync({ users: 50_000_000, pageMs: 10, budget: development });
    expect(limitedBy).toBe("budget");
    expect(hours).toBeCloseTo((99_952 * 0.22) / 3_600, 6);
  });

  test("is never faster than its budget, and never faster with more users", () => {
    for (const budget of [production, development]) {
      let last = 0;
      for (const users of [1e4, 1e5, 1e6, 1e7, 1e8]) {
        const { hours, pages } = forecastFullSync({ users, pageMs: 50, budget });
        const fastest = ((pages + 1 - budget.requests) / budget.requests) * budget.windowMs;
        expect(hours * 3_600_000).toBeGreaterThanOrEqual(fastest);
        expect(hours).toBeGreaterThan(last);
        last = hours;
      }
    }
  });
});

test("a confirmation asks for 99 users at a time, because each answer must hold a sentinel user too", () => {
  const asked = (absent: number) =>
    forecastConfirmation({ absent, requestMs: 200, budget: production }).requests;
  expect([asked(0), asked(1), asked(99), asked(100), asked(50_000)]).toEqual([0, 1, 1, 2, 506]);
});

test("an incremental sync follows the changes on its twenty pages, which overlap", () => {
  expect(forecastIncrementalSync(60_000)).toBeCloseTo(9_050 / 60, 6);
});

test("70 % of the memory is for waiting jobs", () => {
  const { jobsPerGb, minutes } = forecastBacklog({ bytesPerJob: 1_024, addedPerSecond: 1_000 });
  expect(jobsPerGb).toBe(734_003);
  expect(minutes).toBeCloseTo(12.233, 3);
});
