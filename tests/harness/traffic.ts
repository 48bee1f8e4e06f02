import { callEnsure } from "./calls.ts";
import { origin, type System } from "./system.ts";

export type Traffic = {
  /** Who signs session tokens from now on. */
  signTokensWith(clerk: System["clerk"]): void;
  /** Ends it when all that was sent is answered. */
  stop(): Promise<{ people: string[]; ensureStatuses: Record<string, number> }>;
};

const everyMs = 50;

/**
 * People who sign up, each of which is a webhook, and log in, each of which is a call of ensure on a connection of its own.
 * A call without an answer counts as `none`.
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
    const somebody = people[(turn * 7) % Math.max(1, people.length)];
    pending.push(turn++ % 2 === 0 || somebody === undefined ? signUp() : logIn(somebody));
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
