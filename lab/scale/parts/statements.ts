import { maxUsersPerPage } from "@rollcall/clerk";
import { createPool, requestRun } from "@rollcall/db";
import { median } from "../../stage/numbers.ts";
import type { Cell } from "../report.ts";
import { openPages } from "../rows/pages.ts";
import type { ScalePart } from "./part.ts";
import { listStatementRuns } from "./statement-runs.ts";
import { openTracedPool, type Trace, type TracedPool } from "./traced-pool.ts";

/** The cost of a page, a login and the counts for a number of rows. It shows index depth and scans of whole tables. */
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
    const { run: request } = await requestRun(plain, { mode: "full", dryRun: true, startedBy: "study" });
    const rows: Cell[][] = [];
    for (const { name, times, call } of listStatementRuns(request.id)) {
      signal.throwIfAborted();
      say(`${name}, ${times} times`);
      const cells = await run(traced, times, async (share) => call(traced.pool, await readPage(share)));
      rows.push([name, ...cells]);
    }
    return {
      tables: [
        {
          title: `Statements over ${users} users`,
          columns: ["", "ms", "longest", "pages in memory", "pages read", "times"],
          rows,
          notes: [
            "Medians of the time in Postgres; pages of 8 KB. Read: from outside of Postgres' 128 MB, which here",
            "is the system's cache. The first time is a warm-up.",
          ],
        },
      ],
    };
  } finally {
    await traced.close();
    await plain.end();
  }
};

/** Runs a statement at places all over the table. @returns the cells after the name */
async function run(
  traced: TracedPool,
  times: number,
  call: (share: number) => Promise<unknown>,
): Promise<Cell[]> {
  const traces: Trace[] = [];
  for (let time = 0; time <= times; time++) {
    traced.take();
    // Multiples of the golden ratio are spread evenly, for any number of them.
    await call((time * 0.618_034) % 1);
    if (time > 0) traces.push(addUp(traced.take()));
  }
  const middle = (pick: (trace: Trace) => number) => median(traces.map(pick));
  return [
    middle(({ ms }) => ms),
    Math.max(...traces.map(({ ms }) => ms)),
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
