import type pg from "pg";
import { z } from "zod";

/**
 * Triggers that write down every change of both tables in the transaction that makes it: what held for a moment
 * only is seen too, and what is rolled back was never there.
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
`;

const text = z.string().nullable();
const instantMs = z
  .string()
  .nullable()
  .transform((iso) => (iso === null ? null : Date.parse(iso)));

export const userRow = z.object({
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

export const profileRow = z.object({ id: z.number(), user_id: z.number().nullable(), email: text });

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
export type ProfileRow = z.infer<typeof profileRow>;
export type Change = z.infer<typeof change>;

export async function installRecorder(db: pg.Client): Promise<void> {
  await db.query(setup);
}

/** Every change, oldest first. */
export async function readChanges(db: pg.Client): Promise<Change[]> {
  const found = await db.query("select table_name, before, after, owner from recorder.changes order by id");
  return z.array(change).parse(found.rows);
}
