import { existsSync, readFileSync } from "node:fs";
import pg from "pg";
import { readKnownIds } from "./people-file.ts";

/** The users' table, as the app names it: schema and table, and columns. No name has quotes. */
export type UsersTable = {
  table: readonly [schema: string, table: string];
  clerkId: string;
  /** Undefined: schema `rollcall` has the times of deletion. */
  deletedAt: string | undefined;
};

export type UnknownUsers = {
  count: number;
  database: string;
  /** Host and port. */
  server: string;
};

const connectTimeoutMs = 10_000;
const queryTimeoutMs = 60_000;
const stateTable = ["rollcall", "user_states"] as const;

/**
 * Counts the live rows whose Clerk id the simulator never had. A full sync would take these users for deleted, and empty
 * their rows. Tables and columns that no migration has made yet are no error. Writes nothing.
 *
 * @param peopleFile of the simulator; undefined or missing: it knows no user
 * @throws the driver's error while the database does not answer
 */
export async function countUnknownUsers(
  databaseUrl: string,
  { table, clerkId, deletedAt }: UsersTable,
  peopleFile: string | undefined,
): Promise<UnknownUsers> {
  const known =
    peopleFile !== undefined && existsSync(peopleFile) ? readKnownIds(readFileSync(peopleFile, "utf8")) : [];
  const client = new pg.Client({
    connectionString: databaseUrl,
    application_name: "rollcall-unknown-users",
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: queryTimeoutMs,
  });
  client.on("error", () => undefined);
  await client.connect();
  try {
    await client.query("begin read only; set local search_path = pg_catalog, pg_temp");
    const { rows } = await client.query<{ database: string }>("select current_database() as database");
    const place = { database: rows[0]?.database ?? "", server: `${client.host}:${client.port}` };
    if (!(await hasColumn(client, table, clerkId))) return { count: 0, ...place };
    const isLive = await writeIsLive(client, { table, clerkId, deletedAt });
    const counted = await client.query<{ count: number }>(
      `select count(*)::int as count from ${quoteTable(table)} u
        where u.${quote(clerkId)} is not null and ${isLive}
          and not exists (select from unnest($1::text[]) as known where known = u.${quote(clerkId)}::text)`,
      [known],
    );
    return { count: counted.rows[0]?.count ?? 0, ...place };
  } finally {
    await client.end();
  }
}

const quote = pg.escapeIdentifier;
const quoteTable = (names: readonly string[]) => names.map(quote).join(".");

async function writeIsLive(client: pg.Client, { table, clerkId, deletedAt }: UsersTable): Promise<string> {
  if (deletedAt !== undefined)
    return (await hasColumn(client, table, deletedAt)) ? `u.${quote(deletedAt)} is null` : "true";
  if (!(await hasColumn(client, stateTable, "deleted_at"))) return "true";
  return `not exists (select from ${quoteTable(stateTable)} t
                      where t.clerk_id = u.${quote(clerkId)}::text and t.deleted_at is not null)`;
}

async function hasColumn(client: pg.Client, table: readonly string[], column: string): Promise<boolean> {
  const { rows } = await client.query(
    "select from pg_attribute where attrelid = to_regclass($1) and attname = $2 and not attisdropped",
    [quoteTable(table), column],
  );
  return rows.length > 0;
}
