import type { Sample, SampleWindow } from "@rollcall/observability";
import { z } from "zod";
import type { Queryable } from "../pool.ts";

const sliceS = 30;

// Sorted, so that two processes that add at once lock the rows in one order.
const add = `
insert into rollcall.samples (metric, at, labels, value)
select metric, to_timestamp(floor(extract(epoch from now()) / ${sliceS}) * ${sliceS}), labels, value
from unnest($1::text[], $2::text[], $3::float8[]) as s (metric, labels, value)
order by metric collate "C", labels collate "C"
on conflict (metric, at, labels) do update set value = rollcall.samples.value + excluded.value
`;

/** Adds to the present slice what a process has counted. Each series at most once. */
export async function addSamples(db: Queryable, samples: readonly Sample[]): Promise<void> {
  if (samples.length === 0) return;
  await db.query(add, [
    samples.map(({ metric }) => metric),
    samples.map(({ labels }) => writeLabels(labels)),
    samples.map(({ value }) => value),
  ]);
}

function writeLabels(labels: Sample["labels"]): string {
  return JSON.stringify(Object.fromEntries(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))));
}

// A slice belongs to a window as long as its end does.
const sum = `
select w.number::int as "window", s.labels, sum(s.value)::float8 as value
from unnest($1::text[], $2::int[], $3::int[]) with ordinality as w (metric, from_s, until_s, number)
join rollcall.samples s on s.metric = w.metric
  and s.at > now() - (w.from_s + ${sliceS}) * interval '1 second'
  and s.at <= now() - w.until_s * interval '1 second'
group by w.number, s.labels
`;

const sumRow = z.object({
  window: z.number(),
  labels: z.string().transform((text) => z.record(z.string(), z.string()).parse(JSON.parse(text))),
  value: z.number(),
});

/** What was counted within each window, by series; in the order of the windows. */
export async function sumSamples(db: Queryable, windows: readonly SampleWindow[]): Promise<Sample[][]> {
  const result = await db.query(sum, [
    windows.map(({ metric }) => metric),
    windows.map(({ fromS }) => fromS),
    windows.map(({ untilS }) => untilS),
  ]);
  const rows = z.array(sumRow).parse(result.rows);
  return windows.map(({ metric }, index) =>
    rows.filter(({ window }) => window === index + 1).map(({ labels, value }) => ({ metric, labels, value })),
  );
}

/** Whether a process stored anything of a metric within the last minutes. */
export async function hasRecentSample(db: Queryable, metric: string): Promise<boolean> {
  const result = await db.query(
    "select from rollcall.samples where metric = $1 and at > now() - interval '2 minutes' limit 1",
    [metric],
  );
  return result.rows.length > 0;
}

/** Forgets slices that are older than `hours`. */
export async function pruneSamples(db: Queryable, hours: number): Promise<void> {
  await db.query(
    `delete from rollcall.samples where ctid in (
       select ctid from rollcall.samples where at < now() - $1 * interval '1 hour' order by at limit 20000
     )`,
    [hours],
  );
}
