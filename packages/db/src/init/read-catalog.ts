import { z } from "zod";
import type { Queryable } from "../queryable.ts";
import { quoteName } from "../quote-name.ts";
import { readRows } from "../rows.ts";

const column = z.object({
  name: z.string(),
  /** The name in pg_type of the type, or of the domain's base type. `enum` for every enum. */
  type: z.string(),
  /** As in `create table`. */
  shown: z.string(),
  labels: z.array(z.string()),
  notNull: z.boolean(),
  hasDefault: z.boolean(),
  generated: z.boolean(),
  /** It alone is the primary key, or is unique in all rows. */
  isPrimary: z.boolean(),
  isUnique: z.boolean(),
  /** The table and column that it alone refers to. */
  refersTo: z.object({ schema: z.string(), table: z.string(), column: z.string() }).nullable(),
});

const catalogTable = z.object({ schema: z.string(), name: z.string(), columns: z.array(column) });

export type CatalogColumn = z.infer<typeof column> & {
  /** Whose ids at Clerk the values of a text key look like; undefined for any other column, and without rows. */
  looks?: "users" | "organizations" | "neither" | undefined;
};

/** A table of the app, as the catalog describes it. */
export type CatalogTable = { schema: string; name: string; columns: CatalogColumn[] };

const tables = `
select n.nspname as schema, c.relname as name, (
  select jsonb_agg(jsonb_build_object(
    'name', a.attname,
    'type', case when base.typtype = 'e' then 'enum' else base.typname end,
    'shown', format_type(a.atttypid, a.atttypmod),
    'labels', (select coalesce(jsonb_agg(e.enumlabel order by e.enumsortorder), '[]') from pg_enum e where e.enumtypid = base.oid),
    'notNull', a.attnotnull or own.typnotnull,
    'hasDefault', a.atthasdef or a.attidentity <> '' or own.typdefault is not null,
    'generated', a.attgenerated <> '',
    'isPrimary', exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary
      and i.indnkeyatts = 1 and i.indkey[0] = a.attnum),
    'isUnique', exists (select from pg_index i where i.indrelid = c.oid and i.indisunique and i.indisvalid
      and i.indpred is null and i.indexprs is null and i.indnkeyatts = 1 and i.indkey[0] = a.attnum),
    'refersTo', (
      select jsonb_build_object('schema', tn.nspname, 'table', t.relname, 'column', ta.attname)
      from pg_constraint k
      join pg_class t on t.oid = k.confrelid
      join pg_namespace tn on tn.oid = t.relnamespace
      join pg_attribute ta on ta.attrelid = t.oid and ta.attnum = k.confkey[1]
      where k.conrelid = c.oid and k.contype = 'f' and k.conkey = array[a.attnum]
      order by k.oid limit 1
    )
  ) order by a.attnum)
  from pg_attribute a
  join pg_type own on own.oid = a.atttypid
  join pg_type base on base.oid = case own.typtype when 'd' then own.typbasetype else own.oid end
  where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
) as columns
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and n.nspname !~ '^pg_'
  and n.nspname not in ('information_schema', 'rollcall', 'bullmq', 'drizzle')
  and exists (select from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)
order by n.nspname, c.relname
`;

const sampleSize = 100;

const sampled = z.object({ rows: z.number(), users: z.number(), organizations: z.number() });

/** The app's tables. Of their rows, it reads some values of text keys. @throws PostgresError */
export async function readCatalog(db: Queryable): Promise<CatalogTable[]> {
  const found: CatalogTable[] = readRows(catalogTable, (await db.query(tables)).rows);
  for (const table of found) {
    const key = table.columns.find(({ isPrimary, type }) => isPrimary && ["text", "varchar"].includes(type));
    if (key) key.looks = await readLooks(db, table, key.name);
  }
  return found;
}

async function readLooks(
  db: Queryable,
  { schema, name }: CatalogTable,
  key: string,
): Promise<CatalogColumn["looks"]> {
  const readable = await db.query("select has_table_privilege($1, 'select') as readable", [
    `${quoteName(schema)}.${quoteName(name)}`,
  ]);
  if (readable.rows[0]?.readable !== true) return undefined;
  const result = await db.query(`
    select count(*)::int as rows, (count(*) filter (where starts_with(key, 'user_')))::int as users,
           (count(*) filter (where starts_with(key, 'org_')))::int as organizations
    from (select ${quoteName(key)}::text as key from ${quoteName(schema)}.${quoteName(name)} limit ${sampleSize}) s`);
  const [{ rows, users, organizations } = { rows: 0, users: 0, organizations: 0 }] = readRows(
    sampled,
    result.rows,
  );
  if (rows === 0) return undefined;
  return users === rows ? "users" : organizations === rows ? "organizations" : "neither";
}
