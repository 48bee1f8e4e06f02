import { addSyncJob } from "@rollcall/jobs";
import { waitFor } from "../../../tests/harness/wait-for.ts";
import { withClient } from "../../stage/postgres.ts";
import { addMany, openQueues } from "../queues.ts";
import { type Cell, sumOf } from "../report.ts";
import { syncJobsOf } from "../rows/people.ts";
import { readSizes } from "../rows/relation-sizes.ts";
import type { ScalePart } from "./part.ts";

const jobs = 20_000;

/** The size of BullMQ's tables on Postgres, with waiting jobs and after all jobs are done. */
export const queueTablesPart: ScalePart = async ({ services, say }) => {
  const databaseUrl = await services.cluster.createDatabase();
  const queues = openQueues({ kind: "postgres", databaseUrl });
  const readQueueSizes = () => readSizes(databaseUrl, ["bullmq"]);
  try {
    const { producer, deadlineMs } = await queues.open("sync");
    const queue = await producer.connected(deadlineMs);
    const fill = () =>
      addMany(0, jobs, (number) =>
        addSyncJob(producer, syncJobsOf["refresh, of a webhook"](number), deadlineMs),
      );
    const drain = async () => {
      const worker = queues.backend.createWorker("sync", async () => undefined, { concurrency: 32 });
      worker.on("error", () => undefined);
      await waitFor(
        "an empty queue",
        async () => {
          const counts = await queue.getJobCounts("waiting", "active");
          return Object.values(counts).every((count) => count === 0) || undefined;
        },
        300_000,
      );
      await worker.close();
    };
    say(`Adding ${jobs} jobs on Postgres, twice`);
    const empty = await readQueueSizes();
    await fill();
    const waiting = await readQueueSizes();
    await drain();
    await withClient(databaseUrl, (db) => db.query("vacuum"));
    const done = await readQueueSizes();
    await fill();
    const again = await readQueueSizes();
    const rows = waiting.flatMap(({ name, kind, bytes }): Cell[][] => {
      const of = (sizes: typeof empty) => sizes.find((one) => one.name === name)?.bytes ?? 0;
      const each = (bytes - of(empty)) / jobs;
      return each < 1 ? [] : [[name, kind, each, of(done) / 1e6, (of(again) - of(empty)) / jobs]];
    });
    return {
      tables: [
        {
          title: `Postgres: BullMQ's tables, ${jobs} jobs`,
          columns: [
            "",
            "kind",
            "bytes a waiting job",
            "MB after all jobs",
            "bytes a waiting job, the second time",
          ],
          rows: [...rows, ["all", "", sumOf(rows, 2), sumOf(rows, 3), sumOf(rows, 4)]],
          notes: ["With a vacuum in between, as by autovacuum."],
        },
      ],
    };
  } finally {
    await queues.close();
  }
};
