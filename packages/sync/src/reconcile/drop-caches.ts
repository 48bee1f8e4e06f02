import { AppError } from "@rollcall/contracts";
import type { Runner } from "./runner.ts";
import { withRetry } from "./with-retry.ts";

/**
 * Drops the cached sessions of users whose rows may have changed. A cache that cannot be dropped may go on showing
 * what was, so the run waits for it.
 */
export async function dropCaches(
  { context, signal }: Pick<Runner, "context" | "signal">,
  clerkIds: readonly string[],
): Promise<void> {
  if (clerkIds.length === 0) return;
  await withRetry(context, signal, async () => {
    try {
      await Promise.all(clerkIds.map((clerkId) => context.sessionCache.drop(clerkId)));
    } catch (error) {
      throw new AppError("queue.unavailable", "The session cache could not be dropped", { cause: error });
    }
  });
}
