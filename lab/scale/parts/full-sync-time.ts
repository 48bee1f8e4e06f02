import { maxUsersPerPage } from "@rollcall/clerk";
import { decideRequestBudget } from "@rollcall/sync";
import { openFullSyncs } from "../../stage/full-syncs.ts";
import { secretKey, startStage } from "../../stage/stage.ts";
import { forecastConfirmation, forecastFullSync, forecastIncrementalSync } from "../forecast.ts";
import type { Cell, ReportTable } from "../report.ts";
import type { ScalePart, Study } from "./part.ts";

/** Enough for ranges in all lanes. */
const users = 100_000;
/** Clerk's own time for a page of 500 was not measured; see docs/SCALE.md. */
const latenciesMs = [0, 100, 250, 500] as const;
/** The default of RECONCILE_CATCHUP_EVERY_MS. */
const incrementalSyncEveryMs = 60_000;
const share = 0.5;
const budgets = {
  production: decideRequestBudget(secretKey, share),
  development: decideRequestBudget("sk_test_scale", share),
};

/** The duration of full syncs within Clerk's rate limit. The time of a page is measured, and the rest is calculated. */
export const fullSyncTimePart: ScalePart = async (study) => {
  const measured = await measurePages(study);
  return {
    tables: [
      {
        title: `A page of a full sync of ${users} unchanged users`,
        columns: ["Clerk takes, ms", "ms a page", "users a second"],
        rows: measured.map(({ latencyMs, pageMs }) => [
          String(latencyMs),
          pageMs,
          maxUsersPerPage / (pageMs / 1_000),
        ]),
        notes: ["Several ranges are walked at once. Simulator, worker and Postgres share the machine."],
      },
      forecastHours(measured),
      forecastRest(),
    ],
  };
};

type PageTime = { latencyMs: number; pageMs: number };

async function measurePages({ services, say, signal }: Study): Promise<PageTime[]> {
  const stage = await startStage({ services, backend: "redis", users });
  try {
    await stage.startApp("worker");
    const fullSyncs = await openFullSyncs(stage);
    const measured: PageTime[] = [];
    try {
      // The warm-up compiles code.
      await fullSyncs.run(users);
      for (const latencyMs of latenciesMs) {
        signal.throwIfAborted();
        say(`A full sync while Clerk takes ${latencyMs} ms`);
        const fault = await stage.clerk.faults.add({ kind: "latency", ms: latencyMs });
        measured.push({ latencyMs, pageMs: (await fullSyncs.run(users)) / (users / maxUsersPerPage + 1) });
        await stage.clerk.faults.remove(fault);
      }
    } finally {
      await fullSyncs.close();
    }
    return measured;
  } finally {
    await stage.close();
  }
}

function forecastHours(measured: readonly PageTime[]): ReportTable {
  const hours = (count: number, pageMs: number, budget: keyof typeof budgets) => {
    const forecast = forecastFullSync({ users: count, pageMs, budget: budgets[budget] });
    return `${forecast.hours.toFixed(2)}${forecast.limitedBy === "budget" ? " (budget)" : ""}`;
  };
  const counts = [1e6, 1e7, 1e8];
  const assumed = [...measured.map(({ pageMs }) => pageMs), 1_000, 2_000];
  return {
    title: "Hours of a full sync, limited by its pages or, if marked, by the budget",
    columns: ["ms a page", "1 M", "10 M", "100 M", "1 M, development", "10 M, development"],
    rows: assumed.map((pageMs): Cell[] => [
      String(Math.round(pageMs)),
      ...counts.map((count) => hours(count, pageMs, "production")),
      ...counts.slice(0, 2).map((count) => hours(count, pageMs, "development")),
    ]),
    notes: [
      `CLERK_RATE_BUDGET ${share}: ${budgets.production.requests} requests in ${budgets.production.windowMs / 1_000} s in production,`,
      `${budgets.development.requests} in development. The page times of the last two lines were not measured.`,
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
    title: "Lookups by id of absent users, one request of 500 ms after the other",
    columns: ["absent users", "requests", "minutes"],
    rows: [1e6, 1e7, 1e8].map((count) => [
      `${guarded(count)} (0.5 % of ${count / 1e6} M)`,
      ...confirm(guarded(count), 500),
    ]),
    notes: [
      `An incremental sync each ${incrementalSyncEveryMs / 1_000} s follows ${forecastIncrementalSync(incrementalSyncEveryMs).toFixed(0)} changes a second.`,
    ],
  };
}
