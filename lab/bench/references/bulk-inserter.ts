import pg from "pg";
import { z } from "zod";

const { databaseUrl } = z.object({ databaseUrl: z.string() }).parse(JSON.parse(process.argv[2] ?? ""));

const insertRequest = z.object({ empty: z.boolean(), users: z.number() });
const pool = new pg.Pool({ connectionString: databaseUrl, max: 1 });
const usersPerStatement = 500;

process.on("message", async (message) => {
  const { empty, users } = insertRequest.parse(message);
  if (empty)
    await pool.query("truncate public.users, public.mentorados, rollcall.events restart identity cascade");
  for (let from = 0; from < users; from += usersPerStatement)
    await pool.query({
      name: "insert",
      text: insert,
      values: listUsers(from, Math.min(users, from + usersPerStatement)),
    });
  process.send?.({});
});
process.send?.({});

/** The rows of new users and their profiles, with one event for each user. Nothing is compared, matched or answered. */
const insert = `
with written as (
  insert into public.users
    (clerk_id, email, email_verified, name, image_url, role, banned, clerk_created_at, clerk_updated_at, read_ticket)
  select clerk_id, email, true, name, image_url, 'user', false, at, at, 1
  from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
    as given (clerk_id, email, name, image_url, at)
  returning id, clerk_id, email, name, image_url
),
profiles as (
  insert into public.mentorados (user_id, nome_completo, email, foto_url, turma, linked_at)
  select id, name, email, image_url, 'neon', now() from written
)
insert into rollcall.events (clerk_id, kind, cause, ref, details)
select clerk_id, 'user_created', 'reconcile', '1', '{}' from written
`;

/** Users as long as the simulator's, in the order of their creation. Their ids are in no order, as Clerk's are. */
function listUsers(from: number, to: number): unknown[][] {
  const numbers = Array.from({ length: to - from }, (_, index) => from + index);
  return [
    numbers.map((number) => `user_${scatter(number)}${"k".repeat(17)}`),
    numbers.map((number) => `maria.oliveira.${number}@example.com`),
    numbers.map((number) => `Maria Oliveira ${number}`),
    numbers.map((number) => `https://img.clerk.example/${"k".repeat(17)}${number}`),
    numbers.map((number) => new Date(1_700_000_000_000 + number * 1_000).toISOString()),
  ];
}

/** Another text for each number, because the factor is odd. */
function scatter(number: number): string {
  return (Math.imul(number, 2_654_435_761) >>> 0).toString(36).padStart(7, "0");
}
