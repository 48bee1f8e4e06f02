import { callEnsure } from "./calls.ts";
import { origin, type System } from "./system.ts";

export type Traffic = {
  /** Makes another Clerk sign the session tokens from now on. */
  signTokensWith(clerk: System["clerk"]): void;
  /** Stops the traffic and resolves when all requests are answered. */
  stop(): Promise<{ people: string[]; ensureStatuses: Record<string, number> }>;
};

const everyMs = 50;

/**
 * Starts sign-ups and logins. Each sign-up is a webhook, and each login is an ensure call on a connection of its own. A
 * call without an answer counts as `none`.
 */
export function startTraffic(system: System): Traffic {
  const people: string[] = [];
  const statuses: Record<string, number> = {};
  const pending: Promise<void>[] = [];
  let issuer = system.clerk;
  let turn = 0;

  async function signUp(): Promise<void> {
    people.push((await system.clerk.users.create({ firstName: "Person" })).id);
  }

  async function logIn(clerkId: string): Promise<void> {
    const token = await issuer.sessions.mintToken({ userId: clerkId, azp: origin });
    const headers = { authorization: `Bearer ${token}`, connection: "close" };
    const status = await callEnsure(system, headers).then(
      (answer) => String(answer.status),
      () => "none",
    );
    statuses[status] = (statuses[status] ?? 0) + 1;
  }

  const timer = setInterval(() => {
    const signedUp = people[(turn * 7) % Math.max(1, people.length)];
    pending.push(turn++ % 2 === 0 || signedUp === undefined ? signUp() : logIn(signedUp));
  }, everyMs);

  return {
    signTokensWith: (clerk) => {
      issuer = clerk;
    },
    stop: async () => {
      clearInterval(timer);
      await Promise.all(pending);
      return { people, ensureStatuses: statuses };
    },
  };
}
