import { maxUsersPerPage } from "@rollcall/clerk";
import { decideRequestBudget } from "@rollcall/sync";
import { openFullSync } from "../../bench/load/full-syncs.ts";
import { secretKey, setStage } from "../../bench/stage/stage.ts";
import { forecastCatchUp, forecastConfirmation, forecastFullSync } from "../forecast/full-sync-forecast.ts";
import type { Cell, ReportTable } from "../report/part-report.ts";
import type { ScalePart, Study } from "./part.ts";

const users = 20_000;
/** Nobody but Clerk knows how long it takes for a page of 500; see docs/SCALE.md. */
const latenciesMs = [0, 100, 250, 500] as const;
/** As in apps/worker: RECONCILE_CATCHUP_EVERY_MS by default. */
const catchUpEveryMs = 60_000;
const share = 0.5;
const budgets = {
  production: decideRequestBudget(secretKey, share),
  development: decideRequestBudget("sk_test_scale", share),
};

/** How long sweeps take inside Clerk's rate limit: a page's time is measured, the rest is a calculation. */
export const sweepTimePart: ScalePart = async (study) => {
  const measured = await measurePages(study);
  return {
    tables: [
      {
        title: `A page of a sweep of ${users} users, none of whom differs`,
        columns: ["Clerk takes, ms", "ms a page", "users a second"],
        rows: measured.map(({ latencyMs, pageMs }) => [
          String(latencyMs),
          pageMs,
          maxUsersPerPage / (pageMs / 1_000),
        ]),
        notes: [
          "Each page was read ahead while the one before was compared. Simulator, worker and Postgres share two cores.",
        ],
      },
      forecastHours(measured),
      forecastRest(),
    ],
  };
};

type PageTime = { latencyMs: number; pageMs: number };

async function measurePages({ services, say, signal }: Study): Promise<PageTime[]> {
  const stage = await setStage({ services, backend: "redis", users });
  try {
    await stage.startApp("worker");
    const sweeps = await openFullSync(stage);
    const measured: PageTime[] = [];
    try {
      // Code gets warm.
      await sweeps.run(users);
      for (const latencyMs of latenciesMs) {
        signal.throwIfAborted();
        say(`A sweep while Clerk takes ${latencyMs} ms`);
        const fault = await stage.clerk.faults.add({ kind: "latency", ms: latencyMs });
        measured.push({ latencyMs, pageMs: (await sweeps.run(users)) / (users / maxUsersPerPage + 1) });
        await stage.clerk.faults.remove(fault);
      }
    } finally {
      await sweeps.close();
    }
    return measured;
  } finally {
    await stage.close();
  }
}

function forecastHours(measured: readonly PageTime[]): ReportTable {
  const hours = (count: number, pageMs: number, budget: keyof typeof budgets) => {
    const forecast = forecastFullSync({ users: count, pageMs, budget: budgets[budget] });
    return `${forecast.hours.toFixed(2)}${forecast.heldBackBy === "budget" ? " (budget)" : ""}`;
  };
  const counts = [1e6, 1e7, 1e8];
  const assumed = [...measured.map(({ pageMs }) => pageMs), 1_000, 2_000];
  return {
    title: "Hours of a full sweep, held back by its pages or, where it says so, by the budget",
    columns: ["ms a page", "1 M", "10 M", "100 M", "1 M, development", "10 M, development"],
    rows: assumed.map((pageMs): Cell[] => [
      String(Math.round(pageMs)),
      ...counts.map((count) => hours(count, pageMs, "production")),
      ...counts.slice(0, 2).map((count) => hours(count, pageMs, "development")),
    ]),
    notes: [
      `CLERK_RATE_BUDGET ${share}: ${budgets.production.requests} requests in ${budgets.production.windowMs / 1_000} s in production,`,
      `${budgets.development.requests} in development. The last two lines are page times that were not measured.`,
    ],
  };
}

function forecastRest(): ReportTable {
  const guarded = (count: number) => Math.floor(count * 0.005);
  const confirm = (absent: number, requestMs: number) => {
    const { requests, hours } = forecastConfirmation({ absent, requestMs, budget: budgets.production });
    return [String(requests), hours * 60];
  };
  return {
    title: "Asking by id for those whom the walk did not show, one request of 500 ms after the other",
    columns: ["absent users", "requests", "minutes"],
    rows: [1e6, 1e7, 1e8].map((count) => [
      `${guarded(count)} (0.5 % of ${count / 1e6} M)`,
      ...confirm(guarded(count), 500),
    ]),
    notes: [
      `A catch-up each ${catchUpEveryMs / 1_000} s follows ${forecastCatchUp(catchUpEveryMs).toFixed(0)} changes a second.`,
    ],
  };
}
