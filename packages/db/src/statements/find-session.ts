import { eq } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import type { Pool } from "../pool.ts";
import { type Mentorado, mentorados, type User, users } from "../schema.ts";

/** Finds the user, deleted or not, with its profile. Undefined when Rollcall has no row for the id. */
export async function findSession(
  pool: Pool,
  clerkId: string,
): Promise<{ user: User; mentorado: Mentorado | null } | undefined> {
  const [found] = await drizzle(pool)
    .select({ user: users, mentorado: mentorados })
    .from(users)
    .leftJoin(mentorados, eq(mentorados.userId, users.id))
    .where(eq(users.clerkId, clerkId))
    .limit(1);
  return found;
}
