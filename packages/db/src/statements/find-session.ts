import { eq, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import { toPostgresError } from "../errors.ts";
import type { Pool } from "../pool.ts";
import { type Mentorado, mentorados, type User, users } from "../schema.ts";

/** Somebody who waits for a first login asks a few times over: drizzle takes as long to build this as pg to run it. */
const built = new WeakMap<Pool, ReturnType<typeof build>>();

function build(pool: Pool) {
  return (
    drizzle(pool.driver)
      .select({ user: users, mentorado: mentorados })
      .from(users)
      .leftJoin(mentorados, eq(mentorados.userId, users.id))
      .where(eq(users.clerkId, sql.placeholder("clerkId")))
      .limit(1)
      // Without a name Postgres keeps no plan: one would fail on each connection once the app changes a column's type.
      .prepare("")
  );
}

/** Finds the user, deleted or not, with its profile. Undefined when Rollcall has no row for the id. */
export async function findSession(
  pool: Pool,
  clerkId: string,
): Promise<{ user: User; mentorado: Mentorado | null } | undefined> {
  const statement = built.get(pool) ?? build(pool);
  built.set(pool, statement);
  // Drizzle wraps what the driver threw, and quotes the parameters.
  const [found] = await statement.execute({ clerkId }).catch((error: unknown) => {
    throw toPostgresError(error instanceof Error && error.cause ? error.cause : error);
  });
  return found;
}
