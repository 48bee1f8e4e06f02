import pg from "pg";

/** The rows of one user in Rollcall's tables. Times are in milliseconds since the epoch. */
export type RollcallRow = {
  createdAtMs: number;
  name: string | null;
  email: string | null;
  role: string;
  tier: string;
  banned: boolean;
  deleted: boolean;
  profile: { nomeCompleto: string; turma: string | null } | null;
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

const sql = `
  select u.clerk_id                                    as "clerkId",
         extract(epoch from u.created_at)::float8 * 1000 as "createdAtMs",
         u.name, u.email, u.role, u.tier, u.banned,
         u.deleted_at is not null                      as deleted,
         case when m.id is not null then
           json_build_object('nomeCompleto', m.nome_completo, 'turma', m.turma)
         end                                           as profile
    from public.users u
    left join public.mentorados m on m.user_id = u.id
   where u.clerk_id = any($1)`;

const latestRuns = `
  select distinct on (mode) mode, state,
         (extract(epoch from now() - finished_at) * 1000)::float8 as "agoMs"
    from rollcall.runs
   where finished_at is not null and not dry_run
   order by mode, id desc`;

/** Reads Rollcall's tables and writes nothing; the simulator's page shows them beside Clerk's side. */
export function openRollcallRows(databaseUrl: string): RollcallRows {
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
