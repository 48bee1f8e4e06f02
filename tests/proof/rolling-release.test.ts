import { setTimeout as sleep } from "node:timers/promises";
import { type ClerkSimulator, startClerkSimulator } from "@rollcall/clerk-simulator";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildChanged, type MutantBuild } from "../../lab/chaos/mutants/build-mutant.ts";
import { callAdmin } from "../harness/admin.ts";
import { describeOnBackends } from "../harness/backends.ts";
import { readDeadLetters, readRows, untilProfile, withQueue } from "../harness/calls.ts";
import { type Fleet, startFleet } from "../harness/fleet.ts";
import { adminPassword, type System, startSystem, webhookSecret } from "../harness/system.ts";
import { startTraffic, type Traffic } from "../harness/traffic.ts";
import { waitFor } from "../harness/wait-for.ts";

/** A release whose api queues sync jobs of a newer version, which older workers cannot read. */
const newerVersion = [
  { within: "packages/jobs/dist", find: /\bconst newest = 1;/, replace: "const newest = 2;" },
  {
    within: "packages/jobs/dist",
    find: /\bv: z\.literal\(1\),(\s+kind: syncJobKind)/,
    replace: "v: z.literal([1, 2]),$1",
  },
  {
    within: "apps/api/dist/modules/webhook-route.js",
    find: /\bv: 1,/,
    replace: "v: 2,\n        more: true,",
  },
];

let newer: MutantBuild;
beforeAll(async () => {
  newer = await buildChanged("newer version", newerVersion);
});
afterAll(() => newer?.remove());

describeOnBackends((backend) => {
  let single: System;
  let fleet: Fleet;
  /** A Clerk with another key. It signs the tokens after a rotation. */
  let nextIssuer: ClerkSimulator;

  beforeAll(async () => {
    nextIssuer = await startClerkSimulator();
    single = await startSystem({ backend });
    fleet = await startFleet(single);
  });
  afterAll(async () => {
    await fleet?.stop();
    await single?.stop();
    await nextIssuer?.stop();
  });

  /** Expects that all answers are 2xx or 503, that every user has a profile, and that there is no dead letter. */
  async function expectNothingLost(traffic: Traffic): Promise<void> {
    const { people, ensureStatuses } = await traffic.stop();
    await single.clerk.webhooks.drain({ retries: true });
    const attempts = (await single.clerk.webhooks.list()).flatMap((message) => message.attempts);
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
        const { rows } = await single.db.query(
          "select from users u join mentorados m on m.user_id = u.id where u.clerk_id = any ($1)",
          [people],
        );
        return rows.length === people.length ? true : undefined;
      },
      120_000,
    );
    expect(await readDeadLetters(single)).toEqual([]);
  }

  const isCalm = (status: string) => status === "503" || status.startsWith("2");

  test("a job of a newer version waits for a newer worker, without an attempt or a dead letter", async () => {
    const { id: clerkId } = await single.clerk.users.create({}, { silent: true });
    const syncJob = { v: 2, kind: "refresh", clerkId, cause: "webhook", eventAtMs: Date.now() };
    const jobId = await withQueue(
      single,
      "sync",
      async (queue) => (await queue.add("refresh", syncJob)).id ?? "",
    );
    const readJob = () => withQueue(single, "sync", (queue) => queue.getJob(jobId));
    await waitFor("old workers to start the job twice", async () =>
      ((await readJob())?.attemptsStarted ?? 0) >= 2 ? true : undefined,
    );
    const waiting = await readJob();
    expect([waiting?.attemptsMade, waiting?.failedReason ?? null]).toEqual([0, null]);
    expect((await readRows(single, clerkId)).users).toEqual([]);
    expect(await readDeadLetters(single)).toEqual([]);

    expect(await fleet.replace("worker", 0, { root: newer.root })).toBe(0);
    await untilProfile(single, clerkId, 60_000);
    expect(fleet.output()).toContain("wait for a newer worker");
    expect(await fleet.replace("worker", 0)).toBe(0);
  });

  test("two apis and two workers are replaced by a newer version, the first api before any worker: nothing is lost", async () => {
    const traffic = startTraffic(fleet.system);
    await sleep(1_000);
    const codes = [
      await fleet.replace("api", 0, { root: newer.root }),
      await fleet.replace("worker", 0, { root: newer.root }),
      await fleet.replace("worker", 1, { root: newer.root }),
      await fleet.replace("api", 1, { root: newer.root }),
    ];
    await sleep(1_000);
    expect(codes).toEqual([0, 0, 0, 0]);
    await expectNothingLost(traffic);
  });

  test("webhook secret, JWT key and admin password are rotated: no delivery is lost, and no login refused", async () => {
    const nextSecret = `whsec_${Buffer.from("the secret that comes after it").toString("base64")}`;
    const [oldPassword, nextPassword] = [adminPassword, "another horse"];
    const passwordsTaken: number[][] = [];
    const traffic = startTraffic(fleet.system);
    const rollTo = async (own: Record<string, string>) => {
      for (const index of [0, 1]) {
        const environment = { ...single.environment, ...own };
        expect(await fleet.replace("api", index, { environment })).toBe(0);
        passwordsTaken.push(await tryPassword(nextPassword));
      }
    };
    // The apis first accept both secrets, then Clerk changes, and then the apis drop the old ones.
    await rollTo({
      CLERK_WEBHOOK_SIGNING_SECRET: `${nextSecret},${webhookSecret}`,
      CLERK_JWT_KEY: `${nextIssuer.jwtKey.trim()}\n${single.clerk.jwtKey}`,
      ADMIN_PASSWORD: nextPassword,
    });
    await single.clerk.webhooks.configure({ secrets: [nextSecret, webhookSecret] });
    traffic.signTokensWith(nextIssuer);
    await sleep(1_000);
    await single.clerk.webhooks.configure({ secrets: [nextSecret] });
    await single.clerk.webhooks.drain({ retries: true });
    await rollTo({
      CLERK_WEBHOOK_SIGNING_SECRET: nextSecret,
      CLERK_JWT_KEY: nextIssuer.jwtKey,
      ADMIN_PASSWORD: nextPassword,
    });
    await sleep(1_000);
    await expectNothingLost(traffic);
    // The apis change one after the other. Until then each accepts the old password.
    expect(passwordsTaken.slice(0, 2)).toEqual([
      [200, 401],
      [200, 200],
    ]);
    expect(await tryPassword(oldPassword)).toEqual([401, 401]);
    await single.clerk.webhooks.configure({ secrets: [webhookSecret] });
    const { id } = await single.clerk.users.create();
    await waitFor("a delivery under the old secret to be refused", async () => {
      const [message] = await single.clerk.webhooks.list({ userId: id });
      return message?.attempts.some(({ status }) => status === 400) ? true : undefined;
    });
  });

  /** The status of each api's answer to a password. */
  async function tryPassword(password: string): Promise<number[]> {
    const authorization = `Basic ${Buffer.from(`admin:${password}`).toString("base64")}`;
    const answers = fleet
      .apiUrls()
      .map((apiUrl) =>
        callAdmin({ ...fleet.system, apiUrl }, "/api/admin/alerts", { headers: { authorization } }),
      );
    return (await Promise.all(answers)).map(({ status }) => status);
  }
});
