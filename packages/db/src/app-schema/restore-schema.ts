import { lockTables } from "../migrate/adoption/refuse-unfit.ts";
import { tryWrites } from "../migrate/adoption/try-writes.ts";
import type { Queryable } from "../pool.ts";
import { requestWholeSync } from "../runs.ts";
import { perTables } from "../tables.ts";
import { declareTables } from "./declared-tables.ts";
import { findSchemaProblems, type SchemaProblem } from "./find-schema-problems.ts";
import { recordColumns } from "./known-columns.ts";

export type Restoration = {
  /** The problems that are solved, one line each. */
  restored: readonly string[];
  /** What a person must do: the problem, its reasons, and the statement. */
  left: readonly SchemaProblem[];
};

/** A restored column needs its table, and a key its column. So the problems are found again after each pass. */
const mostPasses = 5;

/**
 * Restores what the app's own migrations took away: columns, defaults, keys and indexes. It changes no column that the
 * app renamed or gave another type, because only a person knows whether the app still needs it. Run it inside a
 * transaction that holds the lock of the migrations, once all migrations are applied.
 *
 * @throws MigrationRefusal if the role may not change the tables, or if the app's rules refuse a test write afterwards
 */
export async function restoreSchema(db: Queryable): Promise<Restoration> {
  const before = await findSchemaProblems(db);
  if (before.every(({ restore }) => !restore)) {
    await recordColumns(db);
    return { restored: [], left: before };
  }
  await lockTables(db);
  const restored: string[] = [];
  const blockedBy = new Map<string, string[]>();
  for (let pass = 0; pass < mostPasses; pass++) {
    const due = await findDue(db, restored, blockedBy);
    if (due.length === 0) break;
    for (const { says, restore } of due) {
      for (const statement of restore?.statements ?? []) await db.query(statement);
      restored.push(says);
    }
    await refill(db, new Set(due.map(({ object }) => object)));
  }
  await recordColumns(db);
  const left = (await findSchemaProblems(db)).map((problem) => ({
    ...problem,
    says: [problem.says, ...(blockedBy.get(problem.object) ?? [])].join(". "),
  }));
  if (left.every(({ breaks }) => breaks.length === 0)) await tryWrites(db);
  const [users] = declareTables(db);
  if (
    users &&
    restored.some((says) => says.startsWith(`${users.label}.`) || says.startsWith(`${users.label} `))
  ) {
    // What Clerk knows was lost with the columns. A full sync writes it again, from its first page.
    await requestWholeSync(db, "migrate");
  }
  return { restored, left };
}

/** The problems that can be solved now. A problem that came back after its solution is left to a person. */
async function findDue(
  db: Queryable,
  restored: readonly string[],
  blockedBy: Map<string, string[]>,
): Promise<SchemaProblem[]> {
  const due: SchemaProblem[] = [];
  const found = await findSchemaProblems(db);
  const missing = new Set(
    found
      .filter(({ breaks }) => breaks.some(({ states }) => states.includes("42703")))
      .map(({ object }) => object),
  );
  const { label, mapping } = { label: db.tables.users.label, mapping: db.tables.mapping };
  const clerkId = `${label}.${mapping.users.columns.clerkId}`;
  const lacksClerkId = found.some(({ object }) => object === clerkId);
  for (const problem of found) {
    const { object, says, restore } = problem;
    if (!restore || restored.includes(says)) continue;
    if (restore.needs?.some((column) => missing.has(column))) continue;
    const blockers = [
      ...((await restore.blockers?.(db)) ?? []),
      // Its content comes from the timeline, which names users by their Clerk ids.
      ...(lacksClerkId && refills(db).some((one) => one.object === object && one.needsClerkIds)
        ? [`It is restored once ${clerkId} is there`]
        : []),
    ];
    if (blockers.length === 0) due.push(problem);
    else blockedBy.set(object, blockers);
  }
  return due;
}

type Refill = { object: string; needsClerkIds: boolean; statement: string };

/** Values of restored columns that Rollcall's own tables still know, and that no full sync would write. */
const refills = perTables(({ users: u, profile, mapping, organizations: o }): readonly Refill[] => {
  const { deletedAt = "deleted_at", tier = "tier" } = mapping.users.columns;
  return [
    {
      // A tombstone is final, so it must not come back as a live user.
      object: `${u.label}.${deletedAt}`,
      needsClerkIds: true,
      statement: `
update ${u.table} u set ${u.deletedAt} = e.at
from (select clerk_id, max(at) as at from rollcall.events where kind = 'user_tombstoned' group by clerk_id) e
where e.clerk_id = u.${u.clerkId} and u.${u.deletedAt} is null`,
    },
    {
      object: `${u.label}.${tier}`,
      needsClerkIds: true,
      statement: `
update ${u.table} u set ${u.tier} = e.tier
from (
  select distinct on (clerk_id) clerk_id, details ->> 'to' as tier from rollcall.events
  where kind = 'tier_changed' and details ->> 'to' is not null order by clerk_id, id desc
) e
where e.clerk_id = u.${u.clerkId}`,
    },
    ...(o?.deletedAt === undefined
      ? []
      : [
          {
            object: `${o.label}.${o.mapped.columns.deletedAt}`,
            needsClerkIds: false,
            statement: `
update ${o.table} o set ${o.deletedAt} = t.deleted_at from rollcall.organization_states t
where t.clerk_org_id = o.${o.clerkOrgId} and t.deleted_at is not null and o.${o.deletedAt} is null`,
          },
        ]),
    ...(profile
      ? [
          {
            // Without the mark, a profile whose user was deleted would be unclaimed, and the next user of its email would get it.
            object: `${profile.label}.linked_at`,
            needsClerkIds: false,
            statement: `
update ${profile.table} m set linked_at = coalesce(
  (select f.unlinked_at from rollcall.former_profiles f where f.${profile.stored.formerId} = ${profile.stored.profile.store(`m.${profile.id}`)}), now())
where m.linked_at is null and (m.${profile.link} is not null or exists (
  select from rollcall.former_profiles f where f.${profile.stored.formerId} = ${profile.stored.profile.store(`m.${profile.id}`)}))`,
          },
        ]
      : []),
  ];
});

async function refill(db: Queryable, restored: ReadonlySet<string>): Promise<void> {
  for (const { object, statement } of refills(db)) if (restored.has(object)) await db.query(statement);
}

/** The lines for a person, with the exact statements. */
export function describeLeft(left: readonly SchemaProblem[]): string[] {
  return left.flatMap(({ says, statement, restore }) => [
    `  ${says}`,
    // Without a statement of its own, migrate will run these once the reasons are gone.
    ...(statement === undefined ? (restore?.statements ?? []) : [statement]).map(
      (line) => `    ${line}${line.includes(" -- ") ? "" : ";"}`,
    ),
  ]);
}
