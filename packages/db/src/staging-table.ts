import { z } from "zod";
import type { DriftKind } from "./drift.ts";
import type { Connection } from "./pool.ts";
import { readRows } from "./rows.ts";
import { perTables } from "./tables.ts";

// Temporary: the tables, with the names and emails in them, end with the session.
const make = `
create temp table staged_users (
  seq      bigint generated always as identity,
  clerk_id text primary key,
  page     integer not null,
  kind     text not null,
  write    text not null
);
create index on staged_users (seq);
create temp table staged_emails (email text not null, clerk_id text not null);
create index on staged_emails (email);
create index on staged_emails (clerk_id);
create temp table staged_batch (clerk_id text primary key);
`;

const record = perTables(
  ({ users: u }) => `
with fresh as (
  insert into staged_users (clerk_id, page, kind, write)
  select a.clerk_id, $1, a.kind, a.write
  from unnest($2::text[], $3::text[], $4::text[]) as a (clerk_id, kind, write)
  on conflict do nothing
  returning clerk_id
)
insert into staged_emails (email, clerk_id)
select distinct rollcall.fold_email(e.email), f.clerk_id
from fresh f
join unnest($2::text[], $5::text[]) as a (clerk_id, email) using (clerk_id)
left join ${u.rows} u on u.${u.clerkId} = f.clerk_id
cross join lateral (values (a.email), (u.${u.email}::text)) as e (email)
where e.email is not null
`,
);

const choose = `
with recursive first as materialized (
  select clerk_id from staged_users order by seq limit $1
),
reached (clerk_id) as (
  select clerk_id from first
  union
  select other.clerk_id
  from reached r
  join staged_emails own on own.clerk_id = r.clerk_id
  join staged_emails other on other.email = own.email
)
insert into staged_batch select clerk_id from reached
`;

const remove = `
with gone as (delete from staged_batch returning clerk_id),
     emails as (delete from staged_emails e using gone g where e.clerk_id = g.clerk_id)
delete from staged_users d using gone g where d.clerk_id = g.clerk_id
`;

export type StagedUser<Write> = { clerkId: string; email: string | null; kind: DriftKind; write: Write };

/**
 * The writes of a dry run, kept in its session until the end of the walk.
 *
 * One user's outcome depends on another user only through an email that one of them has or had, because the email
 * decides which user gets an unclaimed profile. So the writes may run in batches, if users that share an email are
 * together and stay in the order of their pages.
 */
export type StagingTable<Write> = {
  /** Adds the users of a page. A user that is in the table already stays as it is. */
  record(page: number, entries: readonly StagedUser<Write>[]): Promise<void>;
  /** Chooses about `size` users for the next batch. @returns their pages in order; none if the table is empty */
  chooseBatch(size: number): Promise<number[]>;
  /** The users of one page in the batch, in order. */
  readPage(page: number): Promise<{ kind: string; write: unknown }[]>;
  /** Removes the users of the batch. */
  removeBatch(): Promise<void>;
};

const stagedRow = z.object({
  kind: z.string(),
  write: z.string().transform((text): unknown => JSON.parse(text)),
});

/** Makes the table in the session of `client`. Use this connection until the end. */
export async function openStagingTable<Write>(client: Connection): Promise<StagingTable<Write>> {
  await client.query(make);
  return {
    record: async (page, entries) => {
      await client.query(record(client), [
        page,
        entries.map(({ clerkId }) => clerkId),
        entries.map(({ kind }) => kind),
        entries.map(({ write }) => JSON.stringify(write)),
        entries.map(({ email }) => email),
      ]);
    },
    chooseBatch: async (size) => {
      await client.query(choose, [size]);
      const pages = await client.query<{ page: number }>(
        "select distinct page from staged_users join staged_batch using (clerk_id) order by page",
      );
      return pages.rows.map(({ page }) => page);
    },
    readPage: async (page) => {
      const rows = await client.query(
        "select kind, write from staged_users join staged_batch using (clerk_id) where page = $1 order by seq",
        [page],
      );
      return readRows(stagedRow, rows.rows);
    },
    removeBatch: async () => {
      await client.query(remove);
    },
  };
}
