import { createDatabase } from "@rollcall/local-services";
import pg from "pg";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { describeOnBackends } from "../harness/backends.ts";
import { ensureAgain, untilProfile } from "../harness/calls.ts";
import { migrate } from "../harness/migrate.ts";
import { type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

/**
 * Functions in `public` with the names of Postgres' own and closer argument types, which Postgres prefers if it finds
 * them, and tables with the names of ours. Every call of such a function fails.
 */
const plant = `
do $$
declare
  name text;
  kind text;
begin
  foreach name in array array['unnest', 'lower', 'to_jsonb', 'to_json', 'cardinality', 'jsonb_build_object', 'md5', 'array_length'] loop
    foreach kind in array array['text', 'varchar', 'text[]', 'varchar[]', 'integer', 'integer[]', 'bigint', 'bigint[]', 'boolean[]',
      'timestamptz', 'timestamptz[]', 'jsonb', 'public.users', 'text, text', 'text, integer', 'text, bigint', 'text[], integer'] loop
      execute format(
        'create or replace function public.%I(%s) returns text language plpgsql as
         ''begin raise exception ''''planted''''; end''', name, kind);
    end loop;
  end loop;
  for name in
    select distinct relname from pg_class
    where relnamespace::regnamespace::text in ('rollcall', 'bullmq') and relkind in ('r', 'p')
  loop
    execute format('create table if not exists public.%I (planted text)', name);
  end loop;
end
$$`;

describeOnBackends((backend) => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ backend, environment: { RECONCILE_CATCHUP_EVERY_MS: "1000" } });
    await system.db.query(plant);
  });
  afterAll(() => system?.stop());

  test("functions and tables planted in public do not run or shadow ours in webhooks, logins, runs and deletions", async () => {
    await expect(system.db.query("select unnest(array['a'])")).rejects.toThrow("planted");
    const ana = await system.clerk.users.create({ firstName: "Ana" });
    await untilProfile(system, ana.id);
    const bia = await system.clerk.users.create({ firstName: "Bia" }, { silent: true });
    expect(await ensureAgain(system, bia.id)).toMatchObject({
      status: 200,
      body: { user: { clerkId: bia.id } },
    });
    const cid = await system.clerk.users.create({ firstName: "Cid" }, { silent: true });
    await untilProfile(system, cid.id);
    await system.clerk.users.delete(ana.id);
    await waitFor("the tombstone", async () => {
      const { rows } = await system.db.query("select deleted_at from users where clerk_id = $1", [ana.id]);
      return rows[0]?.deleted_at ?? undefined;
    });
    expect(system.api.output() + system.worker.output()).not.toContain("planted");
  });
});

test("a migration of a database with planted functions runs none of them", async () => {
  const url = await createDatabase(inject("postgresUrl"));
  const db = new pg.Client({ connectionString: url });
  await db.connect();
  try {
    await db.query("create table public.users (id serial primary key, clerk_id text unique)");
    await db.query(plant);
    await migrate({ DATABASE_URL: url });
    const { rows } = await db.query("select count(*)::int as applied from rollcall.migrations");
    expect(rows[0].applied).toBeGreaterThan(0);
  } finally {
    await db.end();
  }
});
