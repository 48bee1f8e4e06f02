import { setTimeout as sleep } from "node:timers/promises";
import type { ListedUser, UserListQuery } from "@rollcall/clerk";
import { takeClerkRequest } from "@rollcall/db";
import type { ReconcileContext } from "./context.ts";
import { withRetry } from "./with-retry.ts";

/** Clerk as runs ask it: inside the budget, again after failures that pass, and no longer than the run goes on. */
export type RetryingClerk = {
  /** @param parseAfter see `ClerkGateway` */
  listUsers(query: UserListQuery, parseAfter?: Promise<unknown>): Promise<ListedUser[] | "cursor_refused">;
  countUsers(): Promise<number>;
};

export function createRetryingClerk(context: ReconcileContext, signal: AbortSignal): RetryingClerk {
  const { clerk } = context;

  /** Asks for a place in the budget before each try: a failed request counts as well. */
  async function ask<T>(question: () => Promise<T>): Promise<T> {
    for (;;) {
      const waitMs = await takeClerkRequest(context.pool, context.budget);
      if (waitMs === 0) return question();
      await sleep(waitMs, undefined, { signal });
    }
  }

  return {
    listUsers: (query, parseAfter) =>
      withRetry(context, signal, () => ask(() => clerk.listUsers(query, parseAfter))),
    countUsers: () => withRetry(context, signal, () => ask(() => clerk.countUsers())),
  };
}
