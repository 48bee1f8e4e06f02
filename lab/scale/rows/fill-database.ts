import { openFullSyncs } from "../../stage/full-syncs.ts";
import { withClient } from "../../stage/postgres.ts";
import type { Services } from "../../stage/services.ts";
import { startStage } from "../../stage/stage.ts";

/** The origin of the rows: a worker's first full sync, or one statement for each table. */
export const fills = ["full-sync", "series"] as const;

export type Fill = (typeof fills)[number];

/** A database with many users. */
export type FilledDatabase = { databaseUrl: string; users: number; fill: Fill; seconds: number };

export type FillOptions = { services: Services; users: number; fill: Fill; say: (line: string) => void };

/** Makes a database, analysed and vacuumed as by autovacuum. */
export async function fillDatabase({ services, users, fill, say }: FillOptions): Promise<FilledDatabase> {
  say(`Filling a database with ${users} users, by ${fill}`);
  const filled = await (fill === "full-sync"
    ? fillByFullSync(services, users)
    : fillBySeries(services, users));
  say(`Filled in ${Math.round(filled.seconds)} s`);
  return { users, fill, ...filled };
}

const stepMs = 1_000;
/** No user is younger than two days. Events of new users would be in the outbox, and distort the sizes. */
const newestAgeMs = 2 * 86_400_000;

/** Lets a worker's first boot read all users from the simulator. @throws Error unless it wrote all of them */
async function fillByFullSync(
  services: Services,
  users: number,
): Promise<{ databaseUrl: string; seconds: number }> {
  const stage = await startStage({ services, backend: "redis", users: 0 });
  try {
    const { databaseUrl, clerk } = stage;
    await clerk.users.seed(users, { firstCreatedAtMs: Date.now() - newestAgeMs - users * stepMs, stepMs });
    await stage.startApp("worker");
    const startedAtMs = Date.now();
    const fullSyncs = await openFullSyncs(stage);
    const seconds = (Date.now() - startedAtMs) / 1_000;
    await fullSyncs.close();
    await withClient(databaseUrl, async (db) => {
      const { rows } = await db.query<{ count: number }>("select count(*)::int as count from public.users");
      if (rows[0]?.count !== users)
        throw new Error(`${users} users were expected, but there are ${rows[0]?.count}`);
      await db.query("vacuum analyze");
    });
    return { databaseUrl, seconds };
  } finally {
    await stage.close();
  }
}

// Like the simulator's users: one in 211 without email, one in 53 unverified, ids in random order.
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
  lateral (select date_trunc('milliseconds', now()) - ($1 - g) * interval '1 second' as at) c
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

/** The statement for each table. */
const inserts = { "public.users": users, "public.mentorados": profiles, "rollcall.events": events };

// Inserts skip an index that is not ready. Building it afterwards takes a fraction of the time.
const setReady = "update pg_index set indisready = $1 where indrelid = $2::regclass";

/**
 * Makes rows in the shape of real ones, without Clerk, worker or queue. Indexes are built after all rows exist, so they
 * are packed more tightly than grown ones.
 */
async function fillBySeries(
  services: Services,
  count: number,
): Promise<{ databaseUrl: string; seconds: number }> {
  const databaseUrl = await services.cluster.createDatabase();
  const startedAtMs = Date.now();
  const fills = Object.entries(inserts).map(([table, insert]) =>
    withClient(databaseUrl, async (db) => {
      // Turns off the checks of foreign keys. The keys are right, and the checks would take most of the time.
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
