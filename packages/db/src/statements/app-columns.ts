import { getTableColumns } from "drizzle-orm";
import type { Queryable } from "../pool.ts";
import { mentorados, users } from "../schema.ts";

const columns = `
select table_name as "table", column_name as "column" from information_schema.columns
where table_schema = 'public' and table_name in ('users', 'mentorados')
order by table_name desc, ordinal_position
`;

/** Columns of both tables that are the app's and not ours, as `users.phone`. */
export async function listAppColumns(db: Queryable): Promise<string[]> {
  const ours = new Set(
    Object.entries({ users, mentorados }).flatMap(([table, schema]) =>
      Object.values(getTableColumns(schema)).map(({ name }) => `${table}.${name}`),
    ),
  );
  const result = await db.query<{ table: string; column: string }>(columns);
  return result.rows.map(({ table, column }) => `${table}.${column}`).filter((name) => !ours.has(name));
}
