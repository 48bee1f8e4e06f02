import { expect } from "vitest";
import { callEnsure, readDeadLetters } from "./calls.ts";
import { origin, type System } from "./system.ts";
import { waitFor } from "./wait-for.ts";

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

const isCalm = (status: string) => status === "503" || status.startsWith("2");

/**
 * Stops traffic. Expects that all answers were 2xx or 503, that every user has a profile, and that there is no dead letter.
 */
export async function expectNothingLost(system: System, traffic: Traffic): Promise<void> {
  const { people, ensureStatuses } = await traffic.stop();
  await system.clerk.webhooks.drain({ retries: true });
  const attempts = (await system.clerk.webhooks.list()).flatMap((message) => message.attempts);
  const answers = attempts.flatMap(({ status }) => (status === null ? [] : [String(status)]));
  expect(people.length).toBeGreaterThan(20);
  expect(answers.length).toBeGreaterThanOrEqual(people.length);
  const notCalm = (statuses: readonly string[]) => [...new Set(statuses)].filter((one) => !isCalm(one));
  // Statuses come first: a user that was refused for good never gets a profile, and the wait would hide the reason.
  expect({ logins: notCalm(Object.keys(ensureStatuses)), deliveries: notCalm(answers) }).toEqual({
    logins: [],
    deliveries: [],
  });
  await waitFor(
    "every user's profile",
    async () => {
      const { rows } = await system.db.query(
        "select from users u join mentorados m on m.user_id = u.id where u.clerk_id = any ($1)",
        [people],
      );
      return rows.length === people.length ? true : undefined;
    },
    120_000,
  );
  expect(await readDeadLetters(system)).toEqual([]);
}
