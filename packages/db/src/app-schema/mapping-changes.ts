import { z } from "zod";
import type { FormProblem } from "../migrate/adoption/column-problems.ts";
import type { Queryable } from "../queryable.ts";
import { readRows } from "../rows.ts";
import { declareTables } from "./declared-tables.ts";
import { readKnownColumns } from "./known-columns.ts";

/** A column of Rollcall's own: a table without it was never migrated. */
const marks = { users: "read_ticket", profile: "linked_at" } as const;

/** The table that was migrated, if it is still there. An object id alone proves nothing after a dump and restore. */
const migratedTable = `
select format('%s.%s', n.nspname, c.relname) as label
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attname = $2 and a.attnum = $3 and not a.attisdropped
where c.oid = $1::oid and exists (select from pg_class where oid = to_regclass($4))
`;

/** Types of the columns in which Rollcall's own tables hold keys of the app. */
const keyTypes = `
select a.attname as column, format_type(a.atttypid, a.atttypmod) as type
from pg_attribute a
where a.attrelid = to_regclass('rollcall.conflicts') and a.attname in ('user_id', 'profile_id')
`;

const label = z.object({ label: z.string() });
const keyType = z.object({ column: z.string(), type: z.string() });

/**
 * What the mapping says otherwise than the mapping under which the database was migrated. Rollcall's own tables hold keys
 * of the tables of that time, so another table would get the state of the wrong users.
 */
export async function findMappingChanges(db: Queryable): Promise<FormProblem[]> {
  const known = await readKnownColumns(db);
  if (known.length === 0) return [];
  const problems: FormProblem[] = [];
  for (const { kind, table, label: now, isOurs } of declareTables(db)) {
    const mark = known.find((one) => one.kind === kind && one.column === marks[kind]);
    if (!mark && kind === "profile" && !isOurs) problems.push(describe("profile.table", now, "no profiles"));
    if (!mark || mark.isCurrent || mark.isGone) continue;
    const values = [mark.relation, mark.column, mark.number, table];
    const [migrated] = readRows(label, (await db.query(migratedTable, values)).rows);
    if (migrated) problems.push(describe(`${kind}.table`, now, migrated.label));
  }
  const { users, profile } = db.tables.mapping;
  const wanted = { user_id: users.key.type, ...(profile && { profile_id: profile.key.type }) };
  const found = readRows(keyType, (await db.query(keyTypes)).rows);
  for (const [column, type] of Object.entries(wanted)) {
    const is = found.find((one) => one.column === column)?.type;
    const field = column === "user_id" ? "users.key.type" : "profile.key.type";
    if (is !== undefined && is !== type) problems.push(describe(field, type, is));
  }
  return problems;
}

/** No statement fails with an error of Postgres' own, and none may run. */
function describe(field: string, now: string, before: string): FormProblem {
  return {
    object: field,
    says: `${field} of the mapping is ${now}, but the database was migrated with ${before}: set it back, or revert every migration with the old mapping first`,
    breaks: [{ states: [] }],
  };
}
