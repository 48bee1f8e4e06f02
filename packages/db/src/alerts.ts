import type { AlertRecord, DeliveryRecord, FiringRecord } from "@rollcall/observability";
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

const writeAllFirings = `
insert into rollcall.alert_firings as f (name, value, fired_at, resolved_at)
select * from unnest($1::text[], $2::float8[], $3::timestamptz[], $4::timestamptz[])
on conflict (name, fired_at) do update set resolved_at = excluded.resolved_at
`;

/** Adds firings to the history, or the ends of firings. The same firing may come again. Each may occur at most once. */
export async function writeFirings(db: Queryable, firings: readonly FiringRecord[]): Promise<void> {
  await db.query(writeAllFirings, [
    firings.map(({ name }) => name),
    firings.map(({ value }) => value),
    firings.map(({ firedAt }) => firedAt),
    firings.map(({ resolvedAt }) => resolvedAt),
  ]);
}

const firingRow = z.object({
  id: z.coerce.number(),
  name: z.string(),
  value: z.number().nullable(),
  firedAt: z.date(),
  resolvedAt: z.date().nullable(),
});

/** Past and present firings, newest first. */
export async function listFirings(
  db: Queryable,
  { cursor, limit }: { cursor: string | undefined; limit: number },
): Promise<{ items: z.infer<typeof firingRow>[]; nextCursor: string | null }> {
  const result = await db.query(
    `select id, name, value, fired_at as "firedAt", resolved_at as "resolvedAt" from rollcall.alert_firings
     where $1::bigint is null or id < $1::bigint order by id desc limit $2`,
    [cursor ?? null, limit],
  );
  const items = readRows(firingRow, result.rows);
  const last = items.length === limit ? items.at(-1) : undefined;
  return { items, nextCursor: last ? String(last.id) : null };
}

/** Deletes firings that are older than `days`, at most 5,000 at a time. */
export async function pruneFirings(db: Queryable, days = 90): Promise<void> {
  await db.query(
    `delete from rollcall.alert_firings where id in (
       select id from rollcall.alert_firings where fired_at < now() - $1 * interval '1 day' order by fired_at limit 5000
     )`,
    [days],
  );
}

// The times of another address say nothing about this one.
const writeOnlyDelivery = `
insert into rollcall.alert_delivery as d (host, last_sent_at, last_failed_at, last_failure_code) values ($1, $2, $3, $4)
on conflict (only_row) do update set
  host = excluded.host,
  last_sent_at = case when d.host = excluded.host
    then greatest(d.last_sent_at, excluded.last_sent_at) else excluded.last_sent_at end,
  last_failed_at = case when d.host = excluded.host
    then greatest(d.last_failed_at, excluded.last_failed_at) else excluded.last_failed_at end,
  last_failure_code = case when d.host = excluded.host
    then coalesce(excluded.last_failure_code, d.last_failure_code) else excluded.last_failure_code end
`;

/** Stores where this process sends alerts, and what happened to them since it started. */
export async function writeDelivery(db: Queryable, delivery: DeliveryRecord): Promise<void> {
  const { host, lastSentAt, lastFailedAt, lastFailureCode } = delivery;
  await db.query(writeOnlyDelivery, [host, lastSentAt, lastFailedAt, lastFailureCode]);
}

const deliveryRow = z.object({
  host: z.string().nullable(),
  lastSentAt: z.date().nullable(),
  lastFailedAt: z.date().nullable(),
  lastFailureCode: z.string().nullable(),
});

/** Where alerts are sent; undefined until a process has evaluated alerts. */
export async function readDelivery(db: Queryable): Promise<DeliveryRecord | undefined> {
  const result = await db.query(
    `select host, last_sent_at as "lastSentAt", last_failed_at as "lastFailedAt", last_failure_code as "lastFailureCode"
     from rollcall.alert_delivery`,
  );
  return readRows(deliveryRow, result.rows)[0];
}
