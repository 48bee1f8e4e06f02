import { z } from "zod";
import type { Queryable } from "../../pool.ts";

const sql = `
select
  t.name,
  c.oid is not null                                            as "exists",
  coalesce(c.relkind = 'r', false)                             as "ordinary",
  coalesce(pg_has_role(c.relowner, 'usage'), false)            as "owned",
  c.oid is not null and row_security_active(c.oid)             as "filtered",
  has_database_privilege(current_database(), 'create')         as "mayAddSchemas",
  coalesce(has_schema_privilege(to_regnamespace('public')::oid, 'create'), false) as "mayAddTables"
from unnest(array['users', 'mentorados']) as t (name)
left join pg_class c on c.oid = to_regclass('public.' || t.name)
`;

const row = z.object({
  name: z.enum(["users", "mentorados"]),
  exists: z.boolean(),
  ordinary: z.boolean(),
  owned: z.boolean(),
  filtered: z.boolean(),
  mayAddSchemas: z.boolean(),
  mayAddTables: z.boolean(),
});

export type TableName = z.infer<typeof row>["name"];

/** Which of the two tables the app already has, and why we could not even look into them. */
export async function readTables(
  db: Queryable,
): Promise<{ existing: readonly TableName[]; problems: readonly string[] }> {
  const tables = z.array(row).parse((await db.query(sql)).rows);
  const [any] = tables;
  return {
    existing: tables.filter((table) => table.exists).map((table) => table.name),
    problems: [
      ...(any?.mayAddSchemas
        ? []
        : ["The role must be able to add schemas: grant create on database … to …"]),
      ...tables.flatMap(judge),
    ],
  };
}

function judge(table: z.infer<typeof row>): string[] {
  const where = `public.${table.name}`;
  if (!table.exists) {
    return table.mayAddTables
      ? []
      : [`The role must be able to add ${where}: grant create on schema public to …`];
  }
  if (!table.ordinary) return [`${where} is not an ordinary table: rename it`];
  if (!table.owned) return [`The role must own ${where}, or be a member of the role that does`];
  return table.filtered
    ? [`Row-level security hides rows of ${where} from the role: use one that bypasses it`]
    : [];
}
