import { rowKey } from "@rollcall/contracts";
import type { Tables as TableNames } from "@rollcall/db";
import type pg from "pg";
import { z } from "zod";

/** Milliseconds since the epoch. A time without a zone is one in UTC. */
const inMs = (time: string) => `round(extract(epoch from ${time}) * 1000)`;

/** A row `u` of the users as JSON, with the column names of the default table. */
const readUser = ({ users: u }: TableNames) => `jsonb_build_object(
  'id', u.${u.id}, 'clerk_id', u.${u.clerkId}, 'email', u.${u.email}, 'email_verified', u.${u.emailVerified},
  'name', ${u.shownName}, 'image_url', ${u.imageUrl === undefined ? "null" : `u.${u.imageUrl}`},
  'role', u.${u.role}, 'tier', u.${u.tier}, 'banned', u.${u.banned},
  'clerk_created_at', ${inMs("u.clerk_created_at")}, 'clerk_updated_at', ${inMs("u.clerk_updated_at")},
  'read_ticket', u.read_ticket, 'deleted_at', ${inMs(`u.${u.deletedAt}`)}
)`;

type ProfileNames = NonNullable<TableNames["profile"]>;

/** A row `m` of the profiles, in the same way. */
const readProfile = ({ id, link, email }: ProfileNames) => `jsonb_build_object(
  'id', m.${id}, 'user_id', m.${link}, 'email', ${email === undefined ? "null" : `m.${email}`}, 'linked_at', ${inMs("m.linked_at")}
)`;

/** A page of new users is written by one statement only if no trigger of the app runs right behind an insert of users. */
const recordEach = (table: string, run: string) =>
  `create constraint trigger record after insert or update or delete on ${table}
deferrable initially deferred for each row execute function recorder.${run}();`;

/**
 * Triggers that record every change of the app's tables, at the end of the transaction of the change. They see each version
 * of a row, and record nothing that is rolled back.
 */
const setup = (names: TableNames) => `
create schema recorder;
create table recorder.changes (
  id         bigint generated always as identity primary key,
  table_name text not null,
  writer     text not null default current_setting('application_name'),
  before     jsonb,
  after      jsonb,
  owner      jsonb
);
create function recorder.read_user(u ${names.users.table}) returns jsonb language sql stable strict as $$
  select ${readUser(names)}
$$;
create function recorder.record_user() returns trigger language plpgsql security definer as $$
begin
  insert into recorder.changes (table_name, before, after)
  values ('users', recorder.read_user(old), recorder.read_user(new));
  return null;
end $$;
${recordEach(names.users.table, "record_user")}
${names.profile ? recordProfiles(names, names.profile) : ""}
-- Steps of a reconcile run whose own transaction did not hold the run's lease.
create table recorder.unfenced_steps (run_id bigint not null, mode text not null, state text not null);
create function recorder.evaluate_step() returns trigger language plpgsql security definer as $$
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
create function recorder.record_watermark() returns trigger language plpgsql security definer as $$
begin
  insert into recorder.watermarks
  select clock_timestamp(), new.watermark_ms, coalesce(jsonb_object_agg(
    u.${names.users.clerkId}, case when u.${names.users.deletedAt} is null then ${inMs("u.clerk_updated_at")} end
  ), '{}') from ${names.users.table} u;
  return null;
end $$;
create trigger record_watermark after update on rollcall.catch_up for each row
when (new.watermark_ms is distinct from old.watermark_ms) execute function recorder.record_watermark();
`;

const recordProfiles = ({ users: u }: TableNames, profile: ProfileNames) => `
create function recorder.read_profile(m ${profile.table}) returns jsonb language sql stable strict as $$
  select ${readProfile(profile)}
$$;
create function recorder.record_profile() returns trigger language plpgsql security definer as $$
declare
  before jsonb := recorder.read_profile(old);
  after  jsonb := recorder.read_profile(new);
begin
  insert into recorder.changes (table_name, before, after, owner)
  values ('profiles', before, after, (
    select recorder.read_user(u) from ${u.table} u
    where u.${u.id} = coalesce(after ->> 'user_id', before ->> 'user_id')::${u.keyType}
  ));
  return null;
end $$;
${recordEach(profile.table, "record_profile")}
`;

const text = z.string().nullable();
const instantMs = z.number().nullable();

const userRow = z.object({
  id: rowKey,
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
  deleted_at: instantMs,
});

const profileRow = z.object({ id: rowKey, user_id: rowKey.nullable(), email: text, linked_at: instantMs });

const change = z.discriminatedUnion("table_name", [
  z.object({ table_name: z.literal("users"), before: userRow.nullable(), after: userRow.nullable() }),
  z.object({
    table_name: z.literal("profiles"),
    /** The application that wrote: `chaos` stands for the app. */
    writer: z.string(),
    before: profileRow.nullable(),
    after: profileRow.nullable(),
    owner: userRow.nullable(),
  }),
]);

export type UserRow = z.infer<typeof userRow>;
type ProfileRow = z.infer<typeof profileRow>;
export type Change = z.infer<typeof change>;

export async function installRecorder(db: pg.Client, names: TableNames): Promise<void> {
  await db.query(setup(names));
}

/** Every change, oldest first. */
export async function readChanges(db: pg.Client): Promise<Change[]> {
  const found = await db.query(
    "select table_name, writer, before, after, owner from recorder.changes order by id",
  );
  return z.array(change).parse(found.rows);
}

/** The number of changes so far. */
export async function countChanges(db: pg.Client): Promise<number> {
  const { rows } = await db.query("select count(*)::int as count from recorder.changes");
  return z.object({ count: z.number() }).parse(rows[0]).count;
}

export type Tables = {
  /** By Clerk id. */
  users: ReadonlyMap<string, UserRow>;
  /** None in an app without profiles. */
  profiles: readonly ProfileRow[];
  /** Clerk ids of users whose deletion waits for a person's confirmation. */
  held: ReadonlySet<string>;
};

export async function readTables(db: pg.Client, names: TableNames): Promise<Tables> {
  const { users: u, profile } = names;
  const users = await db.query(`select ${readUser(names)} as row from ${u.table} u`);
  const profiles =
    profile && (await db.query(`select ${readProfile(profile)} as row from ${profile.table} m`));
  const held = await db.query("select clerk_id from rollcall.held_deletions");
  return {
    users: new Map(
      users.rows.map(({ row }) => {
        const user = userRow.parse(row);
        return [user.clerk_id, user];
      }),
    ),
    profiles: profiles?.rows.map(({ row }) => profileRow.parse(row)) ?? [],
    held: new Set(held.rows.map((row) => z.string().parse(row.clerk_id))),
  };
}
