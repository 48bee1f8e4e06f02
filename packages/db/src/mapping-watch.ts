import { AppError, compareMappings } from "@rollcall/contracts";
import type { SchemaProblem } from "./app-schema/find-schema-problems.ts";
import type { SchemaWatch } from "./app-schema/schema-watch.ts";
import { readMapping } from "./mapping-record.ts";
import type { Queryable } from "./queryable.ts";

/** How the mapping of `db` differs from the recorded one. Undefined before the first migration. */
export async function findMappingProblems(db: Queryable): Promise<SchemaProblem[] | undefined> {
  const recorded = await readMapping(db);
  if (recorded === undefined) return undefined;
  const fields = compareMappings(db.tables.mapping, recorded);
  if (fields.length === 0) return [];
  return [
    {
      object: "ROLLCALL_CONFIG",
      says: `The mapping of this process differs from the one that migrate recorded, in ${fields.join(", ")}: give each process the same ROLLCALL_CONFIG, and run npx rollcall migrate after a change`,
      breaks: [{ states: [] }],
    },
  ];
}

/** How long a difference that was found refuses statements before the record is read again. */
const refusesForMs = 1_000;

/**
 * Refuses all statements of a pool while its mapping differs from the recorded one: two processes with different mappings
 * would write different tables. `schema` then shows the difference in place of what it would find in the wrong tables.
 */
export function watchMapping(
  db: Queryable,
  schema: SchemaWatch,
): { schema: SchemaWatch; agree(): Promise<void> | undefined } {
  let agreed = false;
  let problems: readonly SchemaProblem[] = [];
  let asked: { atMs: number; answer: Promise<void> } | undefined;

  function ask(): Promise<void> {
    const answer = findMappingProblems(db).then((found) => {
      // Before the first migration there is nothing to write to, and no record yet.
      agreed = found?.length === 0;
      problems = found ?? [];
    });
    asked = { atMs: performance.now(), answer };
    answer.catch(() => {
      if (asked?.answer === answer) asked = undefined;
    });
    return answer;
  }

  async function refuse(): Promise<void> {
    const isFresh = asked !== undefined && performance.now() - asked.atMs < refusesForMs;
    await (isFresh ? asked?.answer : ask());
    const [problem] = problems;
    if (problem) throw new AppError("schema.changed", problem.says);
  }

  return {
    agree: () => (agreed ? undefined : refuse()),
    schema: {
      problems: () => (problems.length > 0 ? problems : schema.problems()),
      isBroken: () => problems.length > 0 || schema.isBroken(),
      check: async (maxAgeMs) => {
        await ask();
        return problems.length > 0 ? problems : schema.check(maxAgeMs);
      },
      explain: schema.explain,
    },
  };
}
