import { z } from "zod";
import type { Queryable } from "../../pool.ts";

const liveColumn = z.object({
  name: z.string(),
  /** pg_type's name of the type, or of what the domain is made of; `enum` for every enum. */
  type: z.string(),
  /** As in `create table`. */
  shown: z.string(),
  /** n of `varchar(n)`, or the digits of a second; null without a limit. */
  limit: z.number().nullable(),
  labels: z.array(z.string()),
  notNull: z.boolean(),
  hasDefault: z.boolean(),
  generated: z.boolean(),
  inPrimaryKey: z.boolean(),
});

/** A column as the database has it now. */
export type LiveColumn = z.infer<typeof liveColumn>;

const sql = `
select
  a.attname as "name",
  case when base.typtype = 'e' then 'enum' else base.typname end as "type",
  format_type(a.atttypid, a.atttypmod) as "shown",
  case
    when modifier.value < 0        then null
    when base.typname = 'varchar'  then modifier.value - 4
    when base.typname like 'time%' then modifier.value
  end as "limit",
  array(select e.enumlabel::text from pg_enum e where e.enumtypid = base.oid order by e.enumsortorder) as "labels",
  a.attnotnull or own.typnotnull as "notNull",
  a.atthasdef or a.attidentity <> '' or own.typdefault is not null as "hasDefault",
  a.attgenerated <> '' as "generated",
  exists (select from pg_index i where i.indrelid = a.attrelid and i.indisprimary and a.attnum = any(i.indkey))
    as "inPrimaryKey"
from pg_attribute a
join pg_type own on own.oid = a.atttypid
join pg_type base on base.oid = case own.typtype when 'd' then own.typbasetype else own.oid end
cross join lateral (select case own.typtype when 'd' then own.typtypmod else a.atttypmod end) as modifier (value)
where a.attrelid = to_regclass($1) and a.attnum > 0 and not a.attisdropped
order by a.attnum
`;

/** The columns of `public.<table>`, in their order; none when there is no such table. */
export async function readLiveColumns(db: Queryable, table: string): Promise<LiveColumn[]> {
  const result = await db.query(sql, [`public.${table}`]);
  return z.array(liveColumn).parse(result.rows);
}
