import { AppError } from "@rollcall/contracts";
import { z } from "zod";
import { readSqlState } from "../errors.ts";
import { waitBrieflyForLocks } from "../lock-wait.ts";
import type { Queryable } from "../pool.ts";
import { recordAdminEvents } from "./record-admin-events.ts";

const lock = `
select tier::text, deleted_at is not null as "isDeleted" from public.users where clerk_id = $1 for update
`;

const row = z.object({ tier: z.string(), isDeleted: z.boolean() });

/**
 * Gives a user another tier, and says so in the timeline unless it was that one already. Run it inside a transaction.
 *
 * @param by who asked for it
 * @throws AppError `user.unknown`, `user.deleted`, or `request.malformed` for a tier that the app's column refuses
 */
export async function changeTier(
  db: Queryable,
  { clerkId, tier, by }: { clerkId: string; tier: string; by: string },
): Promise<void> {
  await waitBrieflyForLocks(db);
  const [before] = z.array(row).parse((await db.query(lock, [clerkId])).rows);
  if (!before) throw new AppError("user.unknown", "No row has this Clerk id");
  if (before.isDeleted) throw new AppError("user.deleted", "The user's row is a tombstone");
  if (before.tier === tier) return;
  try {
    await db.query("update public.users set tier = $2, updated_at = now() where clerk_id = $1", [
      clerkId,
      tier,
    ]);
  } catch (error) {
    // 22: no value of the column's type, or too long. 23: a constraint of the app's.
    if (!/^2[23]/.test(readSqlState(error) ?? "")) throw error;
    throw new AppError("request.malformed", "The column users.tier refuses the value", {
      hint: "tier: the app's own column users.tier does not take this value",
    });
  }
  await recordAdminEvents(db, by, [
    { clerkId, kind: "tier_changed", details: { from: before.tier, to: tier } },
  ]);
}
