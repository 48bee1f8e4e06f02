import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { withClient } from "../../stage/postgres.ts";
import type { Stage } from "../stage/stage.ts";

/** Sizes in bytes, by name: each table with its indexes, and the files of Redis and of the logs. */
export type Sizes = Readonly<Record<string, number>>;

const tables = `
select format('%I.%I', n.nspname, c.relname) as name, pg_total_relation_size(c.oid)::float8 as bytes
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and n.nspname in ('public', 'rollcall', 'bullmq')
`;

/** Events older than this count as 91 days old, so that a soak sees the timeline pruned. */
const agedAfter = "3 minutes";
const age = `
update rollcall.events set at = at - interval '91 days'
where at < now() - interval '${agedAfter}' and at > now() - interval '1 day'
`;

/** @returns the sizes, and the number of events in the timeline */
export async function readSizes({ databaseUrl, folder }: Stage): Promise<{ sizes: Sizes; events: number }> {
  return withClient(databaseUrl, async (db) => {
    const found = await db.query<{ name: string; bytes: number }>(tables);
    const { rows } = await db.query<{ count: number }>(
      "select count(*)::float8 as count from rollcall.events",
    );
    return {
      sizes: {
        ...Object.fromEntries(found.rows.map(({ name, bytes }) => [name, bytes])),
        "files of Redis": await sumFiles(join(folder, "redis")),
        "logs of the processes": await sumFiles(folder),
      },
      events: rows[0]?.count ?? 0,
    };
  });
}

export async function ageTimeline({ databaseUrl }: Stage): Promise<void> {
  await withClient(databaseUrl, (db) => db.query(age));
}

/** The files of a folder and those below it, except that the logs are those of the folder alone. */
async function sumFiles(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: folder.endsWith("redis") }).catch(() => []);
  const sizes = await Promise.all(
    entries.map((entry) =>
      stat(join(folder, entry)).then(
        (file) => (file.isFile() ? file.size : 0),
        () => 0,
      ),
    ),
  );
  return sizes.reduce((total, size) => total + size, 0);
}
