import type { Services } from "../../bench/stage/services.ts";
import { withClient } from "../../chaos/stage/with-client.ts";

// The simulator's people: one in 211 without email, one in 53 unverified, ids that have nothing to do with age.
const id = "'user_2' || left(md5(g::text), 26)";
const name = "(array['Ana', 'Bruno', 'Carla', 'Diego', 'Elisa', 'Fabio'])[1 + g % 6] || ' Oliveira'";
const email = "case when g % 211 <> 210 then 'gabriela.oliveira.' || g || '@example.com' end";
const image = `'https://img.clerk.com/' || ${id}`;

const users = `
insert into public.users (
  clerk_id, email, email_verified, name, image_url, clerk_created_at, clerk_updated_at, read_ticket
)
select ${id}, ${email}, g % 53 <> 52 and g % 211 <> 210, ${name}, ${image}, c.at, c.at, g / 500
from generate_series(1, $1::bigint) as g,
  lateral (select now() - ($1 - g) * interval '1 second' as at) c
order by g
`;

const profiles = `
insert into public.mentorados (user_id, nome_completo, email, foto_url, turma, linked_at)
select g, ${name}, ${email}, ${image}, 'neon', now() from generate_series(1, $1::bigint) as g order by g
`;

// A first fill writes two events for each user.
const events = `
insert into rollcall.events (clerk_id, kind, cause, ref, details)
select ${id}, e.kind, 'reconcile', '1', case e.kind when 'user_created' then '{}' else jsonb_build_object('mentoradoId', g) end
from generate_series(1, $1::bigint) as g, (values ('user_created'), ('mentorado_created')) as e (kind)
`;

/** What each table is filled with. */
const inserts = { "public.users": users, "public.mentorados": profiles, "rollcall.events": events };

// An index that is not ready is passed over by inserts. Building it afterwards takes a fraction of the time.
const setReady = "update pg_index set indisready = $1 where indrelid = $2::regclass";

/**
 * Rows in the shape of real ones, without Clerk, worker or queue. Indexes are built when all rows are there, so they
 * are packed more tightly than ones that grew.
 */
export async function fillBySeries(
  services: Services,
  count: number,
): Promise<{ databaseUrl: string; seconds: number }> {
  const databaseUrl = await services.cluster.createDatabase();
  const startedAtMs = Date.now();
  const fills = Object.entries(inserts).map(([table, insert]) =>
    withClient(databaseUrl, async (db) => {
      // A row's foreign key is right, and looking each one up would take longer than all the rest.
      await db.query("set session_replication_role = replica");
      await db.query("set maintenance_work_mem = '512MB'");
      await db.query(setReady, [false, table]);
      await db.query(insert, [count]);
      await db.query(setReady, [true, table]);
      await db.query(`reindex table ${table}`);
      await db.query(`vacuum analyze ${table}`);
    }),
  );
  await Promise.all(fills);
  return { databaseUrl, seconds: (Date.now() - startedAtMs) / 1_000 };
}
