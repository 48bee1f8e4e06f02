import type { AlertRecord } from "@rollcall/observability";
import { z } from "zod";
import type { Queryable } from "../pool.ts";

const row = z.object({
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

/** Of the named alerts, those that were ever judged. */
export async function readAlerts(db: Queryable, names: readonly string[]): Promise<AlertRecord[]> {
  const result = await db.query(
    `select name, state, since, value, fired_at as "firedAt", resolved_at as "resolvedAt", evaluated_at as "evaluatedAt",
            fired_sent_at as "firedSentAt", resolved_sent_at as "resolvedSentAt"
     from rollcall.alerts where name = any ($1::text[])`,
    [names],
  );
  return z.array(row).parse(result.rows);
}

const write = `
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

/** Stores what alerts came to. Only the holder of the lease may. */
export async function writeAlerts(db: Queryable, records: readonly AlertRecord[]): Promise<void> {
  await db.query(write, [
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
