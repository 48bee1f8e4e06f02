import type { AlertRecord, Sample, SampleWindow } from "@rollcall/observability";
import { z } from "zod";
import type { Queryable } from "./pool.ts";
import { readRows } from "./rows.ts";

const alertRow = z.object({
  name: z.string(),
  state: z.enum(["ok", "pending", "firing"]),
  since: z.date(),
  value: z.number().nullable(),
  firedAt: z.date().nullable(),
  resolvedAt: z.date().nullable(),
  evaluatedAt: z.date(),
  firedSentAt: z.date().nullable(),
  resolvedSentAt: z.date().nullable(),
});

/** The named alerts that were ever evaluated. */
export async function readAlerts(db: Queryable, names: readonly string[]): Promise<AlertRecord[]> {
  const result = await db.query(
    `select name, state, since, value, fired_at as "firedAt", resolved_at as "resolvedAt", evaluated_at as "evaluatedAt",
            fired_sent_at as "firedSentAt", resolved_sent_at as "resolvedSentAt"
     from rollcall.alerts where name = any ($1::text[])`,
    [names],
  );
  return readRows(alertRow, result.rows);
}

const writeRecords = `
insert into rollcall.alerts (
  name, state, since, value, fired_at, resolved_at, evaluated_at, fired_sent_at, resolved_sent_at
)
select * from unnest(
  $1::text[], $2::text[], $3::timestamptz[], $4::float8[], $5::timestamptz[], $6::timestamptz[],
  $7::timestamptz[], $8::timestamptz[], $9::timestamptz[]
)
on conflict (name) do update set
  state = excluded.state, since = excluded.since, value = excluded.value, fired_at = excluded.fired_at,
  resolved_at = excluded.resolved_at, evaluated_at = excluded.evaluated_at,
  fired_sent_at = excluded.fired_sent_at, resolved_sent_at = excluded.resolved_sent_at
`;

/** Stores the states of alerts. Only the holder of the lease may call it. */
export async function writeAlerts(db: Queryable, records: readonly AlertRecord[]): Promise<void> {
  await db.query(writeRecords, [
    records.map(({ name }) => name),
    records.map(({ state }) => state),
    records.map(({ since }) => since),
    records.map(({ value }) => value),
    records.map(({ firedAt }) => firedAt),
    records.map(({ resolvedAt }) => resolvedAt),
    records.map(({ evaluatedAt }) => evaluatedAt),
    records.map(({ firedSentAt }) => firedSentAt),
    records.map(({ resolvedSentAt }) => resolvedSentAt),
  ]);
}

/** The counts of all processes are summed in slices of this length. */
const sliceS = 30;

// Sorted, so that two concurrent processes lock the rows in one order.
const add = `
insert into rollcall.samples (metric, at, labels, value)
select metric, to_timestamp(floor(extract(epoch from now()) / ${sliceS}) * ${sliceS}), labels, value
from unnest($1::text[], $2::text[], $3::float8[]) as s (metric, labels, value)
order by metric collate "C", labels collate "C"
on conflict (metric, at, labels) do update set value = rollcall.samples.value + excluded.value
`;

/** Adds the counts of a process to the present slice. Each series may occur at most once. */
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

// A slice belongs to a window as long as the end of the slice does.
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

/** The sums of each window, by series, in the order of the windows. */
export async function sumSamples(db: Queryable, windows: readonly SampleWindow[]): Promise<Sample[][]> {
  const result = await db.query(sum, [
    windows.map(({ metric }) => metric),
    windows.map(({ fromS }) => fromS),
    windows.map(({ untilS }) => untilS),
  ]);
  const rows = readRows(sumRow, result.rows);
  return windows.map(({ metric }, index) =>
    rows.filter(({ window }) => window === index + 1).map(({ labels, value }) => ({ metric, labels, value })),
  );
}

/** Whether a process stored a sample of a metric within the last two minutes. */
export async function hasRecentSample(db: Queryable, metric: string): Promise<boolean> {
  const result = await db.query(
    "select from rollcall.samples where metric = $1 and at > now() - interval '2 minutes' limit 1",
    [metric],
  );
  return result.rows.length > 0;
}

/** Deletes slices that are older than `hours`, at most 20,000 at a time. */
export async function pruneSamples(db: Queryable, hours: number): Promise<void> {
  await db.query(
    `delete from rollcall.samples where ctid in (
       select ctid from rollcall.samples where at < now() - $1 * interval '1 hour' order by at limit 20000
     )`,
    [hours],
  );
}
