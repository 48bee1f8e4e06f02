import { z } from "zod";
import { withClient } from "../../stage/postgres.ts";

// The level of a B-tree's root is in its meta page. It is 0 if the root is a leaf.
const sizes = `
select
  n.nspname || '.' || c.relname as name, t.relname as table,
  case c.relkind when 'r' then 'table' else a.amname end as kind,
  pg_relation_size(c.oid) + case c.relkind when 'r' then coalesce(pg_relation_size(nullif(c.reltoastrelid, 0)), 0) else 0 end
    as bytes,
  case when a.amname = 'btree' and pg_relation_size(c.oid) > 0 then (bt_metap(c.oid::regclass::text)).level end as level
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
left join pg_am a on a.oid = c.relam and c.relkind = 'i'
left join pg_index i on i.indexrelid = c.oid
join pg_class t on t.oid = coalesce(i.indrelid, c.oid)
where c.relkind in ('r', 'i') and n.nspname = any ($1::text[])
order by n.nspname, t.relname, c.relkind desc, c.relname
`;

const size = z.object({
  name: z.string(),
  /** The table itself, or the index' table. */
  table: z.string(),
  kind: z.string(),
  bytes: z.coerce.number(),
  level: z.coerce.number().nullable(),
});

/** A table with its out-of-line storage, or an index. */
export type RelationSize = z.infer<typeof size>;

/** All tables and indexes of these schemas. A table comes before its indexes. */
export function readSizes(databaseUrl: string, schemas: readonly string[]): Promise<RelationSize[]> {
  return withClient(databaseUrl, async (db) => {
    await db.query("create extension if not exists pageinspect");
    return z.array(size).parse((await db.query(sizes, [schemas])).rows);
  });
}
