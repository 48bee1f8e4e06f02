import { setTimeout as sleep } from "node:timers/promises";
import type pg from "pg";
import { withClient } from "../../stage/postgres.ts";
import type { Stage } from "../stage/stage.ts";

/**
 * What the app does with its own tables at a bad moment. All statements are those of the owner.
 *
 * A statement of the app may itself fail: its transaction can be the victim of a deadlock with one of Rollcall's. The app's
 * migrations then try again, as their tools do.
 */
type App = Pick<Stage, "databaseUrl" | "app">;

/** Holds a lock like that of `alter table` on a table. */
export function lockAppTable(
  { databaseUrl, app }: App,
  of: "users" | "profiles",
  forMs: number,
): Promise<void> {
  const { users, profile } = app.names;
  const table = of === "profiles" && profile ? profile.table : users.table;
  return withClient(databaseUrl, (client) =>
    inAppTransaction(client, forMs, [`lock table ${table} in access exclusive mode`]),
  );
}

/** The app's cache references the users. Filling it locks their rows, and truncating it locks the cache alone. */
export function truncateAppCache({ databaseUrl, app }: App, forMs: number): Promise<void> {
  const { users } = app.names;
  const fill = `insert into app_cache (user_id) select u.${users.id} from ${users.table} u on conflict do nothing`;
  return withClient(databaseUrl, async (client) => {
    await untilDone(client, [makeCache(users)]);
    await inAppTransaction(client, forMs, [fill, "truncate app_cache"]);
  });
}

const makeCache = ({ table, id, keyType }: Stage["app"]["names"]["users"]) =>
  `create table if not exists app_cache (user_id ${keyType} primary key references ${table} (${id}) on delete cascade)`;

/**
 * Makes, fills, retypes, renames and drops a column of the app in the users' table and in that of profiles, and makes and
 * drops a table that references the users. Each step is a transaction that takes the table for itself.
 */
export function migrateAppTables({ databaseUrl, app }: App, forMs: number): Promise<void> {
  const { users, profile } = app.names;
  const tables = [users.table, ...(profile ? [profile.table] : [])];
  const steps = [
    // A volatile default rewrites the table.
    (table: string) => `alter table ${table} add column app_note integer default (random() * 100)::integer`,
    (table: string) => `alter table ${table} alter column app_note type bigint`,
    (table: string) => `alter table ${table} rename column app_note to app_remark`,
    (table: string) => `alter table ${table} alter column app_remark type text`,
    (table: string) => `alter table ${table} drop column app_remark`,
  ];
  return withClient(databaseUrl, async (client) => {
    for (const step of steps) {
      for (const table of tables) {
        await untilDone(client, [
          step(table),
          `select pg_sleep(${forMs / steps.length / tables.length / 2_000})`,
        ]);
      }
      await sleep(forMs / steps.length / 2);
    }
    await untilDone(client, ["drop table if exists app_cache", makeCache(users)]);
  });
}

/** Writes every row in an order of the app's own, which is not the one in which Rollcall locks them. */
export function writeAppRows({ databaseUrl, app }: App, forMs: number): Promise<void> {
  const { users, profile } = app.names;
  const write = (table: string, id: string) => `
do $$ declare one record; begin
  for one in select ${id} as id from ${table} order by hashtext(${id}::text) loop
    update ${table} set app_own = coalesce(app_own, 0) + 1 where ${id} = one.id;
  end loop;
end $$`;
  const tables = [
    [users.table, users.id] as const,
    ...(profile ? [[profile.table, profile.id] as const] : []),
  ];
  return withClient(databaseUrl, async (client) => {
    for (const [table] of tables)
      await untilDone(client, [`alter table ${table} add column if not exists app_own integer`]);
    await inAppTransaction(
      client,
      forMs,
      tables.map(([table, id]) => write(table, id)),
    );
  });
}

async function inAppTransaction(
  client: pg.Client,
  forMs: number,
  statements: readonly string[],
): Promise<void> {
  await client.query("begin");
  for (const statement of statements) await client.query(statement);
  await sleep(forMs);
  await client.query("commit");
}

const attempts = 20;

/** Runs statements in one transaction, and again after a deadlock or while the server is away. */
async function untilDone(client: pg.Client, statements: readonly string[]): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await inAppTransaction(client, 0, statements);
    } catch (error) {
      await client.query("rollback");
      if (attempt === attempts) throw error;
      await sleep(50);
    }
  }
}
