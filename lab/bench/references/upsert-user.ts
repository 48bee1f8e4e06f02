import type pg from "pg";
import { z } from "zod";

const clerkUser = z.object({
  id: z.string(),
  first_name: z.string().nullable(),
  last_name: z.string().nullable(),
  image_url: z.string().nullable(),
  primary_email_address_id: z.string().nullable(),
  email_addresses: z.array(z.object({ id: z.string(), email_address: z.string() })),
});

/** Writes a user as an app without Rollcall would: the row, and then a profile if there is none. */
export async function upsertUser(pool: pg.Pool, given: unknown): Promise<void> {
  const user = clerkUser.parse(given);
  const primary = user.email_addresses.find(({ id }) => id === user.primary_email_address_id);
  const email = primary?.email_address ?? null;
  const name = [user.first_name, user.last_name].filter(Boolean).join(" ");
  const { rows } = await pool.query(
    `insert into public.users (clerk_id, email, name, image_url) values ($1, $2, $3, $4)
     on conflict (clerk_id) do update set email = $2, name = $3, image_url = $4, updated_at = now()
     returning id`,
    [user.id, email, name, user.image_url],
  );
  await pool.query(
    `insert into public.mentorados (user_id, nome_completo, email, turma) values ($1, $2, $3, 'neon')
     on conflict (user_id) do nothing`,
    [rows[0]?.id, name, email],
  );
}
