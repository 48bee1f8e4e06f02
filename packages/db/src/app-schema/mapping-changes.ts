import { z } from "zod";
import { readMapping } from "../mapping-record.ts";
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

const label = z.object({ label: z.string() });

/** The part of a recorded mapping that decides how Rollcall's own tables hold keys. */
const typed = z.object({ key: z.object({ type: z.string() }) });
const recordedMapping = z.object({
  users: typed.extend({ state: z.string().default("added") }),
  profile: typed.nullable(),
});

/**
 * What the mapping says otherwise than the mapping under which the database was migrated. Rollcall's own tables hold keys
 * of the tables of that time, so another table would get the state of the wrong users.
 */
export async function findMappingChanges(db: Queryable): Promise<FormProblem[]> {
  const known = await readKnownColumns(db);
  if (known.length === 0) return [];
  const { data: recorded } = recordedMapping.safeParse(await readMapping(db));
  const { state } = db.tables.mapping.users;
  // The columns by which a table is known are those of the other state.
  if (recorded && recorded.users.state !== state)
    return [describe("users.state", state, recorded.users.state)];
  const problems: FormProblem[] = [];
  for (const { kind, table, label: now, isOurs, keepsForm } of declareTables(db)) {
    // Rollcall's state of organizations names them by their Clerk ids, in whatever tables they are.
    if (kind !== "users" && kind !== "profile") continue;
    const ofKind = known.filter((one) => one.kind === kind);
    // A table that keeps its form has no column of Rollcall's, and is known only if it was migrated.
    const mark = keepsForm
      ? (ofKind.find(({ isCurrent }) => isCurrent) ?? ofKind.find(({ isGone }) => !isGone))
      : ofKind.find(({ column }) => column === marks[kind]);
    if (!mark && kind === "profile" && !isOurs) problems.push(describe("profile.table", now, "no profiles"));
    if (!mark || mark.isCurrent || mark.isGone) continue;
    const values = [mark.relation, mark.column, mark.number, table];
    const [migrated] = readRows(label, (await db.query(migratedTable, values)).rows);
    if (migrated) problems.push(describe(`${kind}.table`, now, migrated.label));
  }
  for (const kind of ["users", "profile"] as const) {
    const [now, before] = [db.tables.mapping[kind]?.key.type, recorded?.[kind]?.key.type];
    if (now !== undefined && before !== undefined && now !== before)
      problems.push(describe(`${kind}.key.type`, now, before));
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
