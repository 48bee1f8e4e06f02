import type { Pool } from "@rollcall/db";
import { z } from "zod";

/**
 * Triggers that record every change of both tables in its own transaction, so that invariants are checked at each write and
 * not only between two steps. The `application_name` shows whether the app or a worker wrote.
 */
const setup = `
create schema recorder;
create table recorder.changes (
  id     bigint generated always as identity primary key,
  writer text not null,
  before jsonb,
  after  jsonb not null,
  owner  jsonb
);
create function recorder.record() returns trigger language plpgsql as $$
begin
  insert into recorder.changes (writer, before, after, owner)
  values (current_setting('application_name'), to_jsonb(old), to_jsonb(new), (
    select to_jsonb(u) from public.users u
    where u.id = coalesce((to_jsonb(new) ->> 'user_id')::int, (to_jsonb(old) ->> 'user_id')::int)
  ));
  return null;
end $$;
create trigger record after insert or update on public.users for each row execute function recorder.record();
create trigger record after insert or update on public.mentorados for each row execute function recorder.record();
`;

const text = z.string().nullable();
const instantMs = z
  .string()
  .transform((iso) => Date.parse(iso))
  .nullable();

const userRow = z.object({
  id: z.number(),
  clerk_id: z.string(),
  email: text,
  email_verified: z.boolean(),
  name: text,
  image_url: text,
  role: z.string(),
  role_source: text,
  tier: z.string(),
  banned: z.boolean(),
  clerk_created_at: instantMs,
  clerk_updated_at: instantMs,
  read_ticket: z.number().nullable(),
  deleted_at: text,
});

const profileRow = z.object({
  id: z.number(),
  user_id: z.number().nullable(),
  nome_completo: z.string(),
  email: text,
  foto_url: text,
  turma: text,
  ativo: z.string(),
  meta_faturamento: z.number(),
  meta_leads: z.number(),
  meta_procedimentos: z.number(),
  meta_posts: z.number(),
  meta_stories: z.number(),
  linked_at: text,
});

const recorded = { id: z.coerce.number(), writer: z.enum(["app", "worker"]) };
// Profiles first: their rows have a `user_id`, which rows of users lack.
const change = z.union([
  z.object({ ...recorded, before: profileRow.nullable(), after: profileRow, owner: userRow.nullable() }),
  z.object({ ...recorded, before: userRow.nullable(), after: userRow, owner: z.null() }),
]);

export type UserRow = z.infer<typeof userRow>;
export type ProfileRow = z.infer<typeof profileRow>;
export type Change = z.infer<typeof change>;
export type ProfileChange = Extract<Change, { after: ProfileRow }>;
export type UserChange = Exclude<Change, ProfileChange>;

export function isProfileChange(change: Change): change is ProfileChange {
  return "user_id" in change.after;
}

export function installRecorder(db: Pool): Promise<unknown> {
  return db.query(setup);
}

/** The changes after the one with id `lastId`, oldest first. */
export async function readChanges(db: Pool, lastId: number): Promise<Change[]> {
  const found = await db.query("select * from recorder.changes where id > $1 order by id", [lastId]);
  return z.array(change).parse(found.rows);
}
