import type { Queryable } from "../pool.ts";

const missing = `
select 'public.' || w.relation || '.' || w.attribute as "column"
from (values ('users', 'clerk_id'), ('mentorados', 'user_id')) as w (relation, attribute)
where to_regclass('public.' || w.relation) is not null and not exists (
  select from pg_index i
  join pg_attribute a on a.attrelid = i.indrelid and a.attname = w.attribute
  where i.indrelid = to_regclass('public.' || w.relation) and i.indisunique and i.indisvalid and i.indpred is null
    and i.indnkeyatts = 1 and i.indkey[0] = a.attnum
)
`;

/** Columns that must be unique, and that no valid index keeps so. */
export async function findMissingKeys(db: Queryable): Promise<string[]> {
  const result = await db.query<{ column: string }>(missing);
  return result.rows.map((row) => row.column);
}
