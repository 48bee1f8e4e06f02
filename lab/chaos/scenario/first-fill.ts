import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { ClerkUser, RemoteClerkSimulator } from "@rollcall/clerk-simulator";
import { firstResident, type Plan } from "../plan/plan.ts";
import type { Stage } from "../stage/stage.ts";
import { describePerson, nameAccount } from "./clerk-accounts.ts";

/** The users that Clerk has before Rollcall first starts, and the slow lists that the first full sync then reads. */
export type FirstFill = {
  /** Filled by `begin`, in the order of the plan's residents. */
  readonly residents: ClerkUser[];
  begin(clerk: RemoteClerkSimulator): Promise<void>;
  /** Makes Clerk's lists fast again, whether the full sync has ended or not. */
  end(clerk: RemoteClerkSimulator): Promise<void>;
};

/** The full sync waits so long for each page. Its first pages come behind the first acts and faults. */
const latencyMs = 1_200;
const longestMs = 8_000;
const atOnce = 20;

export function createFirstFill({ seed, residents: count, safetyMs }: Plan): FirstFill {
  const residents: ClerkUser[] = [];
  let slow: number | undefined;
  const create = (clerk: RemoteClerkSimulator, user: number) =>
    clerk.users.create(describePerson(nameAccount(seed, user, 0), user, user % 10 !== 0), { silent: true });
  return {
    residents,
    begin: async (clerk) => {
      while (residents.length < count) {
        const from = firstResident + residents.length;
        const users = Array.from({ length: Math.min(atOnce, count - residents.length) }, (_, index) =>
          create(clerk, from + index),
        );
        residents.push(...(await Promise.all(users)));
      }
      slow = await clerk.faults.add({ kind: "latency", ms: latencyMs, method: "GET", path: "/v1/users" });
    },
    end: async (clerk) => {
      await sleep(Math.min(longestMs, safetyMs / 2));
      if (slow !== undefined) await clerk.faults.remove(slow);
    },
  };
}

/** @returns how many users got their rows by the statement for a page of new users, by the workers' logs */
export async function countFilled({ processes: { worker0, worker1 } }: Stage): Promise<number> {
  const logs = await Promise.all([worker0, worker1].map(({ logFile }) => readFile(logFile, "utf8")));
  return logs
    .flatMap((log) => log.split("\n"))
    .filter((line) => line.includes('"event":"users_created"'))
    .reduce((sum, line) => sum + Number(/"users":(\d+)/.exec(line)?.[1]), 0);
}
