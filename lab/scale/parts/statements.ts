import { maxUsersPerPage } from "@rollcall/clerk";
import { createPool, type Pool, requestRun } from "@rollcall/db";
import { median } from "../../bench/measure/quantile.ts";
import { openTracedPool, type Trace, type TracedPool } from "../measure/traced-pool.ts";
import type { Cell } from "../report/part-report.ts";
import { openPages } from "../rows/known-page.ts";
import { listStatementRuns } from "../rows/statement-runs.ts";
import type { ScalePart } from "./part.ts";

/** What one page, one login and the counts cost with so many rows: how deep indexes are, and what is read whole. */
export const statementsPart: ScalePart = async ({ filled, say, signal }) => {
  const { databaseUrl, users } = await filled();
  const plain = createPool({
    databaseUrl,
    applicationName: "scale",
    max: 1,
    queryTimeoutMs: 600_000,
    onIdleError: () => undefined,
  });
  const traced = openTracedPool(databaseUrl);
  try {
    const readPage = await openPages(plain, maxUsersPerPage);
    const { run } = await requestRun(plain, { mode: "full", dryRun: true, startedBy: "study" });
    const rows: Cell[][] = [];
    for (const { what, times, call } of listStatementRuns(run.id)) {
      signal.throwIfAborted();
      say(`${what}, ${times} times`);
      const cells = await play(traced, times, async (share) => call(traced.pool, await readPage(share)));
      rows.push([what, ...cells]);
    }
    return {
      tables: [
        {
          title: `Statements over ${users} users`,
          columns: ["", "ms", "longest", "pages in memory", "pages read", "times"],
          rows,
          notes: [
            "Medians of what Postgres itself takes; pages of 8 KB. Read: from outside of its own 128 MB, which",
            "here is the system's cache. The first time does not count.",
          ],
        },
      ],
    };
  } finally {
    await traced.close();
    await plain.end();
  }
};

/** Runs a statement at places all over the table. @returns the cells behind its name */
async function play(
  traced: TracedPool,
  times: number,
  call: (share: number) => Promise<unknown>,
): Promise<Cell[]> {
  const played: Trace[] = [];
  for (let time = 0; time <= times; time++) {
    traced.take();
    // The golden ratio's multiples are spread evenly, however many there are.
    await call((time * 0.618_034) % 1);
    if (time > 0) played.push(addUp(traced.take()));
  }
  const middle = (pick: (trace: Trace) => number) => median(played.map(pick));
  return [
    middle(({ ms }) => ms),
    Math.max(...played.map(({ ms }) => ms)),
    middle(({ hitPages }) => hitPages),
    middle(({ readPages }) => readPages),
    times,
  ];
}

function addUp(traces: readonly Trace[]): Trace {
  return traces.reduce(
    (sum, { ms, hitPages, readPages }) => ({
      ms: sum.ms + ms,
      hitPages: sum.hitPages + hitPages,
      readPages: sum.readPages + readPages,
    }),
    { ms: 0, hitPages: 0, readPages: 0 },
  );
}
