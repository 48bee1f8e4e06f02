import type { AnyProvisioned } from "../rollcall-client.ts";

/** A profile younger than this is new to its owner: Clerk's webhook may have been faster than the page. */
const newForMs = 10 * 60_000;

const keyOf = (userId: string) => `rollcall welcomed ${userId}`;

/** Whether to show the welcome: this call made the profile, or the profile is new and its welcome was not dismissed. */
export function decideWelcome(
  provisioned: AnyProvisioned,
  profile: string | null,
  nowMs = Date.now(),
): boolean {
  const { created, user } = provisioned;
  const values = provisioned as Record<string, unknown>;
  const named = values[profile ?? ""] as { createdAt?: string } | null | undefined;
  if (created || !named) return created;
  // Either clock may be ahead. Without a time of creation, only the call that made the profile welcomes.
  const apartMs = Math.abs(nowMs - Date.parse(named.createdAt ?? ""));
  return apartMs < newForMs && !wasWelcomed(user.clerkId);
}

/** Remembers in this browser that the user dismissed the welcome. */
export function rememberWelcomed(userId: string): void {
  try {
    globalThis.window?.localStorage?.setItem(keyOf(userId), "1");
  } catch {
    // The storage is forbidden or full. At worst, the welcome is shown once more.
  }
}

function wasWelcomed(userId: string): boolean {
  try {
    // Without storage there is no welcome, so that it is not shown twice.
    return globalThis.window?.localStorage?.getItem(keyOf(userId)) !== null;
  } catch {
    return true;
  }
}
