import pg from "pg";
import { z } from "zod";

const table = z.tuple([z.string(), z.string()]);

/** The tables that Rollcall keeps, as the app names them: schema and table, and columns. No name has quotes. */
export const rollcallTablesSchema = z.object({
  users: z.object({
    table,
    /** Without `name`, the table has no column for it. */
    columns: z.object({
      clerkId: z.string(),
      createdAt: z.string(),
      name: z.string().optional(),
      email: z.string(),
      role: z.string(),
      tier: z.string(),
      banned: z.string(),
      deletedAt: z.string(),
    }),
  }),
  /** Null for an app without profiles. `shown` are the columns that the page shows. */
  profile: z.object({ table, link: z.string(), userKey: z.string(), shown: z.array(z.string()) }).nullable(),
});

export type RollcallTables = z.infer<typeof rollcallTablesSchema>;

/** The rows of one user in Rollcall's tables. Times are in milliseconds since the epoch. */
export type RollcallRow = {
  createdAtMs: number;
  /** Left out for a table without names. */
  name?: string | null;
  email: string | null;
  role: string;
  tier: string;
  banned: boolean;
  deleted: boolean;
  /** What the page shows of the profile; null for a user without one. */
  profile: string[] | null;
};

/** The latest finished run of a mode. */
export type LatestRun = { mode: string; state: string; agoMs: number };

export type RollcallRows = {
  /** The rows by Clerk id; undefined when the database does not answer. */
  read(clerkIds: readonly string[]): Promise<Map<string, RollcallRow> | undefined>;
  /** Empty when the database does not answer. */
  readRuns(): Promise<LatestRun[]>;
  close(): Promise<void>;
};

const timeoutMs = 1_500;

function writeQuery({ users, profile }: RollcallTables): string {
  const quote = pg.escapeIdentifier;
  const quoteTable = (names: readonly string[]) => names.map(quote).join(".");
  const u = (field: keyof typeof users.columns) => `u.${quote(users.columns[field] ?? "")}`;
  const shown = profile?.shown.map((column) => `m.${quote(column)}::text`) ?? [];
  const link = profile && `m.${quote(profile.link)}`;
  return `
  select ${u("clerkId")}::text as "clerkId",
         extract(epoch from ${u("createdAt")})::float8 * 1000 as "createdAtMs",
         ${users.columns.name === undefined ? "" : `${u("name")}::text as name,`}
         ${u("email")}::text as email, ${u("role")}::text as role, ${u("tier")}::text as tier,
         ${u("banned")} as banned, ${u("deletedAt")} is not null as deleted,
         ${link ? `case when ${link} is not null then array_remove(array[${shown.join(", ")}]::text[], null) end` : "null"} as profile
    from ${quoteTable(users.table)} u
    ${profile ? `left join ${quoteTable(profile.table)} m on ${link} = u.${quote(profile.userKey)}` : ""}
   where ${u("clerkId")} = any($1)`;
}

const latestRuns = `
  select distinct on (mode) mode, state,
         (extract(epoch from now() - finished_at) * 1000)::float8 as "agoMs"
    from rollcall.runs
   where finished_at is not null and not dry_run
   order by mode, id desc`;

/** Reads Rollcall's tables and writes nothing; the simulator's page shows them beside Clerk's side. */
export function openRollcallRows(databaseUrl: string, tables: RollcallTables): RollcallRows {
  const sql = writeQuery(tables);
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    max: 2,
    application_name: "rollcall-simulator-page",
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs,
    options: "-c default_transaction_read_only=on -c search_path=pg_catalog,pg_temp",
  });
  pool.on("error", () => undefined);
  return {
    async read(clerkIds) {
      try {
        const { rows } = await pool.query<RollcallRow & { clerkId: string }>(sql, [clerkIds]);
        return new Map(rows.map(({ clerkId, ...row }) => [clerkId, row]));
      } catch {
        return undefined;
      }
    },
    async readRuns() {
      try {
        return (await pool.query<LatestRun>(latestRuns)).rows;
      } catch {
        return [];
      }
    },
    close: () => pool.end(),
  };
}
