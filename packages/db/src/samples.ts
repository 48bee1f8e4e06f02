import type { Sample, SampleWindow } from "@rollcall/observability";
import { z } from "zod";
import type { Queryable } from "./pool.ts";
import { readRows } from "./rows.ts";

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

// The last delivery of an event type may be long ago, and only its sample proves that the endpoint has the type.
const prune = `
delete from rollcall.samples where ctid in (
  select ctid from rollcall.samples s
  where at < now() - $1 * interval '1 hour'
    and (metric <> 'rollcall_webhooks_total' or exists (
      select from rollcall.samples later
      where later.metric = s.metric and later.labels = s.labels and later.at > s.at
    ))
  order by at limit 20000
)
`;

/**
 * Deletes slices, at most 20,000 at a time, that are older than the longest window of an alert and the one before it. The
 * last slice of each series of webhooks stays.
 */
export async function pruneSamples(db: Queryable, hours = 26): Promise<void> {
  await db.query(prune, [hours]);
}

const lastDeliveries = `
select labels::jsonb ->> 'type' as type, max(at) as "lastAt" from rollcall.samples
where metric = 'rollcall_webhooks_total' and labels::jsonb ->> 'outcome' in ('accepted', 'quarantined')
group by 1 order by 1
`;

const lastDeliveryRow = z.object({ type: z.string(), lastAt: z.date() });

/** When a delivery of each event type last arrived that had a right signature, to half a minute. */
export async function readLastDeliveries(db: Queryable): Promise<z.infer<typeof lastDeliveryRow>[]> {
  return readRows(lastDeliveryRow, (await db.query(lastDeliveries)).rows);
}

const keepHighest = `
insert into rollcall.samples (metric, at, labels, value)
select metric, to_timestamp(floor(extract(epoch from now()) / ${sliceS}) * ${sliceS}), labels, value
from unnest($1::text[], $2::text[], $3::float8[]) as s (metric, labels, value)
order by metric collate "C", labels collate "C"
on conflict (metric, at, labels) do update set value = greatest(rollcall.samples.value, excluded.value)
`;

/** Stores gauges: of all values in a slice the highest one stays. Each series may occur at most once. */
export async function keepPeaks(db: Queryable, samples: readonly Sample[]): Promise<void> {
  if (samples.length === 0) return;
  await db.query(keepHighest, [
    samples.map(({ metric }) => metric),
    samples.map(({ labels }) => writeLabels(labels)),
    samples.map(({ value }) => value),
  ]);
}

const peaks = `
select to_timestamp(floor(extract(epoch from at) / $3) * $3) as at, max(value)::float8 as value
from rollcall.samples where metric = $1 and at > now() - $2 * interval '1 hour'
group by 1 order by 1
`;

const peakRow = z.object({ at: z.date().transform((date) => date.toISOString()), value: z.number() });

/** The highest value of a gauge, over all its series, in each `stepS` seconds of the last `hours`, oldest first. */
export async function readPeaks(
  db: Queryable,
  { metric, hours, stepS }: { metric: string; hours: number; stepS: number },
): Promise<{ at: string; value: number }[]> {
  return readRows(peakRow, (await db.query(peaks, [metric, hours, stepS])).rows);
}

// A delivery with a wrong signature is no delivery of Clerk's. The buckets are cumulative.
const webhookHours = `
with hours as (
  select hour from generate_series(
    date_trunc('hour', now(), 'UTC') - ($1::int - 1) * interval '1 hour', now(), interval '1 hour'
  ) as hour
),
series as (
  select date_trunc('hour', at, 'UTC') as hour, metric, labels::jsonb as labels, sum(value) as value
  from rollcall.samples
  where (metric = 'rollcall_webhooks_total'
      or metric = 'rollcall_sync_lag_seconds_bucket' and labels in ('{"le":"60"}', '{"le":"+Inf"}'))
    and at >= (select min(hour) from hours)
  group by 1, 2, 3
),
counted as (
  select hour,
    sum(value) filter (where labels ->> 'outcome' in ('accepted', 'ignored', 'quarantined')) as arrived,
    sum(case labels ->> 'le' when '+Inf' then value when '60' then -value end) as late
  from series group by hour
),
missed as (
  select date_trunc('hour', requested_at, 'UTC') as hour, sum(missed) as caught_up
  from rollcall.runs where mode = 'catch-up' and not dry_run and requested_at >= (select min(hour) from hours)
  group by 1
)
select hour, coalesce(arrived, 0)::int as arrived, greatest(0, coalesce(late, 0))::int as late,
  coalesce(caught_up, 0)::int as "caughtUp"
from hours left join counted using (hour) left join missed using (hour)
order by hour
`;

const webhookHourRow = z.object({
  hour: z.date().transform((date) => date.toISOString()),
  arrived: z.number(),
  late: z.number(),
  caughtUp: z.number(),
});

/** Deliveries, late changes, and changes that the incremental sync found, by hour, oldest first. Samples last for a day. */
export async function readWebhookHours(
  db: Queryable,
  hours: number,
): Promise<z.infer<typeof webhookHourRow>[]> {
  return readRows(webhookHourRow, (await db.query(webhookHours, [hours])).rows);
}
