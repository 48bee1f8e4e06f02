import type { Pool } from "@rollcall/db";
import type { ClerkSide } from "./clerk-side.ts";
import type { AppStep } from "./history.ts";

const userOf = "(select id from public.users where clerk_id = $1 and deleted_at is null)";

/** Performs a step of the app, or of a person in it, on the tables that Rollcall shares with it. */
export async function performAppStep(
  app: Pool,
  { currentId, signUpAddress }: ClerkSide,
  step: AppStep,
): Promise<void> {
  switch (step.app) {
    case "unclaimed":
      await app.query("insert into public.mentorados (nome_completo, email) values ('Unclaimed', $1)", [
        step.email,
      ]);
      return;
    case "edit":
      await app.query(
        `update public.mentorados set nome_completo = $2, meta_leads = $3 where user_id = ${userOf}`,
        [currentId(step.person), step.nome, step.metaLeads],
      );
      return;
    case "tier":
      await app.query(`update public.users set tier = $2 where id = ${userOf}`, [
        currentId(step.person),
        step.tier,
      ]);
      return;
    case "role":
      await app.query(`update public.users set role = $2 where id = ${userOf}`, [
        currentId(step.person),
        step.role,
      ]);
      return;
    case "give":
      return give(app, currentId(step.person), step.email ?? signUpAddress(step.person) ?? null);
    default:
      step satisfies never;
  }
}

/** Long enough for a worker to meet a row that is not committed yet. */
const uncommittedSeconds = 0.01;

/** An admin makes row and profile by hand while the user logs in, without our columns. */
async function give(app: Pool, clerkId: string, email: string | null): Promise<void> {
  await app.query("insert into public.users (clerk_id) values ($1) on conflict do nothing", [clerkId]);
  await app.query(
    `with given as (
       insert into public.mentorados (user_id, nome_completo, email)
       select id, 'Given', $2 from ${userOf} as u on conflict (user_id) do nothing
       returning id
     )
     select pg_sleep($3) from given`,
    [clerkId, email, uncommittedSeconds],
  );
}
