import type { Ledger } from "../ledger.ts";
import type { Stage } from "../stage/stage.ts";
import { withClient } from "../stage/with-client.ts";

/** Locked, so that nobody is banned or deleted between the question and the profile. */
const give = `
insert into public.mentorados (user_id, nome_completo)
select id, 'By hand' from public.users
where clerk_id = $1 and deleted_at is null and not banned and role <> 'admin'
for share
`;

/** What an admin does in the app: a plain insert, which fails when there is a profile. */
export async function giveByHand(stage: Stage, ledger: Ledger, clerkId: string): Promise<void> {
  const outcome = await withClient(stage.databaseUrl, (db) => db.query(give, [clerkId])).then(
    ({ rowCount }) => `${rowCount} profiles`,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  ledger.tell(clerkId, `by hand: ${outcome}`);
}
