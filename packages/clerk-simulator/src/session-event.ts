import type { Random } from "./random.ts";

const dayMs = 86_400_000;

/** The `data` of a `session.created` event. Source: Clerk's webhook event description of 2025-04-15. */
export function sessionCreated(userId: string, nowMs: number, random: Random) {
  return {
    object: "session" as const,
    id: `sess_2${random.base62(26)}`,
    user_id: userId,
    client_id: `client_2${random.base62(26)}`,
    actor: null,
    status: "active",
    last_active_at: nowMs,
    expire_at: nowMs + 7 * dayMs,
    abandon_at: nowMs + 30 * dayMs,
    created_at: nowMs,
    updated_at: nowMs,
  };
}
