import type pg from "pg";
import { z } from "zod";

/**
 * Triggers that record every change of both tables, in the transaction of the change. They see states that lasted only
 * a moment, and record nothing that is rolled back.
 */
const setup = `
create schema recorder;
create table recorder.changes (
  id         bigint generated always as identity primary key,
  table_name text not null,
  before     jsonb,
  after      jsonb,
  owner      jsonb
);
create function recorder.record() returns trigger language plpgsql as $$
begin
  insert into recorder.changes (table_name, before, after, owner)
  values (tg_table_name, to_jsonb(old), to_jsonb(new), (
    select to_jsonb(u) from public.users u
    where u.id = coalesce((to_jsonb(new) ->> 'user_id')::int, (to_jsonb(old) ->> 'user_id')::int)
  ));
  return null;
end $$;
create trigger record after insert or update or delete on public.users for each row execute function recorder.record();
create trigger record after insert or update or delete on public.mentorados for each row execute function recorder.record();

-- Steps of a reconcile run whose own transaction did not hold the run's lease.
create table recorder.unfenced_steps (run_id bigint not null, mode text not null, state text not null);
create function recorder.evaluate_step() returns trigger language plpgsql as $$
begin
  if not exists (
    select from rollcall.leases l
    where l.name = new.mode || case when new.dry_run then '.dry-run' else '' end
      and l.xmin = pg_current_xact_id()::xid
  ) then
    insert into recorder.unfenced_steps values (new.id, new.mode, new.state);
  end if;
  return null;
end $$;
create trigger evaluate_step after update on rollcall.runs for each row
when (old.state = 'running' and new.state <> 'cancelled'
  and (old.state, old.pages, old.checkpoint) is distinct from (new.state, new.pages, new.checkpoint))
execute function recorder.evaluate_step();

-- The rows' versions whenever the watermark rose: milliseconds by Clerk id, null for a tombstone.
create table recorder.watermarks (at timestamptz not null, watermark_ms bigint not null, rows jsonb not null);
create function recorder.record_watermark() returns trigger language plpgsql as $$
begin
  insert into recorder.watermarks
  select clock_timestamp(), new.watermark_ms, coalesce(jsonb_object_agg(
    u.clerk_id, case when u.deleted_at is null then round(extract(epoch from u.clerk_updated_at) * 1000) end
  ), '{}') from public.users u;
  return null;
end $$;
create trigger record_watermark after update on rollcall.catch_up for each row
when (new.watermark_ms is distinct from old.watermark_ms) execute function recorder.record_watermark();
`;

const text = z.string().nullable();
const instantMs = z
  .string()
  .nullable()
  .transform((iso) => (iso === null ? null : Date.parse(iso)));

const userRow = z.object({
  id: z.number(),
  clerk_id: z.string(),
  email: text,
  email_verified: z.boolean(),
  name: text,
  image_url: text,
  role: z.string(),
  tier: z.string(),
  banned: z.boolean(),
  clerk_created_at: instantMs,
  clerk_updated_at: instantMs,
  read_ticket: z.number().nullable(),
  deleted_at: text,
});

const profileRow = z.object({ id: z.number(), user_id: z.number().nullable(), email: text });

const change = z.discriminatedUnion("table_name", [
  z.object({ table_name: z.literal("users"), before: userRow.nullable(), after: userRow.nullable() }),
  z.object({
    table_name: z.literal("mentorados"),
    before: profileRow.nullable(),
    after: profileRow.nullable(),
    owner: userRow.nullable(),
  }),
]);

export type UserRow = z.infer<typeof userRow>;
type ProfileRow = z.infer<typeof profileRow>;
export type Change = z.infer<typeof change>;

export async function installRecorder(db: pg.Client): Promise<void> {
  await db.query(setup);
}

/** Every change, oldest first. */
export async function readChanges(db: pg.Client): Promise<Change[]> {
  const found = await db.query("select table_name, before, after, owner from recorder.changes order by id");
  return z.array(change).parse(found.rows);
}

export type Tables = {
  /** By Clerk id. */
  users: ReadonlyMap<string, UserRow>;
  profiles: readonly ProfileRow[];
  /** Clerk ids of users whose deletion waits for a person's confirmation. */
  held: ReadonlySet<string>;
};

export async function readTables(db: pg.Client): Promise<Tables> {
  const users = await db.query("select to_jsonb(u) as row from public.users u");
  const profiles = await db.query("select to_jsonb(m) as row from public.mentorados m");
  const held = await db.query("select clerk_id from rollcall.held_deletions");
  return {
    users: new Map(
      users.rows.map(({ row }) => {
        const user = userRow.parse(row);
        return [user.clerk_id, user];
      }),
    ),
    profiles: profiles.rows.map(({ row }) => profileRow.parse(row)),
    held: new Set(held.rows.map((row) => z.string().parse(row.clerk_id))),
  };
}
