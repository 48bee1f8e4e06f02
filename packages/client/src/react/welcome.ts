import type { Provisioned } from "../rollcall-client.ts";

/** A profile younger than this is news to its owner: Clerk's webhook may have been faster than their page. */
const newForMs = 10 * 60_000;

const keyOf = (userId: string) => `rollcall welcomed ${userId}`;

/** Whether to greet: the profile was made by this call, or just now and its owner has not said yet that they saw it. */
export function decideWelcome({ created, user, mentorado }: Provisioned, nowMs = Date.now()): boolean {
  if (created || mentorado === null) return created;
  // Either clock may be ahead of the other.
  const apartMs = Math.abs(nowMs - Date.parse(mentorado.createdAt));
  return apartMs < newForMs && !wasWelcomed(user.clerkId);
}

/** Remembers in this browser that somebody saw their welcome. */
export function rememberWelcomed(userId: string): void {
  try {
    globalThis.window?.localStorage?.setItem(keyOf(userId), "1");
  } catch {
    // Forbidden or full: the worst is one welcome more.
  }
}

function wasWelcomed(userId: string): boolean {
  try {
    // Without a memory nobody is greeted twice.
    return globalThis.window?.localStorage?.getItem(keyOf(userId)) !== null;
  } catch {
    return true;
  }
}
