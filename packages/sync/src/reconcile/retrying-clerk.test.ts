import { getEventListeners } from "node:events";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { confirmMemberships, createClerkGateway } from "@rollcall/clerk";
import { startClerkSimulator } from "@rollcall/clerk-simulator";
import { createPool } from "@rollcall/db";
import { createLogger } from "@rollcall/observability";
import { expect, test } from "vitest";
import { createRetryingClerk, withRetry } from "./retrying-clerk.ts";

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

test("attempts that ran at once leave no listener behind, which would keep what they returned", async () => {
  const log = createLogger({ level: "silent", process: "test" });
  const run = new AbortController();
  const ends: (() => void)[] = [];
  const attempts = Array.from({ length: 5 }, () =>
    withRetry({ log }, run.signal, () => new Promise<void>((resolve) => ends.push(resolve))),
  );
  await new Promise(setImmediate);
  collectGarbage();
  for (const end of ends) end();
  await Promise.all(attempts);
  expect(getEventListeners(run.signal, "abort")).toHaveLength(0);
});

test("organizations and memberships are read within the budget, again after an outage, and in pages that fit", async () => {
  const simulator = await startClerkSimulator({ rateLimit: null });
  const gateway = createClerkGateway({
    secretKey: simulator.secretKey,
    apiUrl: simulator.url,
    // Megabytes take their time on a busy machine.
    listTimeoutMs: 60_000,
  });
  let passed = 0;
  const gate = { pass: async () => void passed++, pause: () => undefined };
  // The gate stands for the budget, so nothing connects to Postgres.
  const pool = createPool({
    databaseUrl: "postgres://user@127.0.0.1:1/nothing",
    applicationName: "worker",
    max: 1,
    onIdleError: () => undefined,
  });
  const clerk = createRetryingClerk(
    {
      clerk: gateway,
      pool,
      budget: { requests: 1, windowMs: 1 },
      log: createLogger({ level: "silent", process: "test" }),
    },
    new AbortController().signal,
    gate,
  );
  await simulator.users.seed(4);
  await simulator.organizations.seed(4, { members: 1 });
  const [first, second] = await simulator.organizations.list();
  const { id: team = "" } = first ?? {};
  await simulator.faults.add({ kind: "status", status: 503, times: 2 });
  expect(await clerk.readOrganization(team)).toMatchObject({ found: { id: team } });
  expect(await confirmMemberships(clerk, team, ["user_absent"])).toMatchObject({ absent: ["user_absent"] });

  // Two of them do not fit into one answer.
  const large = { privateMetadata: { note: "x".repeat(6_000_000) } };
  for (const { id } of [first, second].flatMap((entry) => entry ?? []))
    await simulator.organizations.update(id, large);
  const query = { orderBy: "+created_at", limit: 4 } as const;
  const page = await clerk.listOrganizationPage(query);
  expect(page).toMatchObject({ entries: [{ clerkOrgId: team }], totalCount: 4, isShort: false });
  const members = await clerk.listMembershipPage({ of: "instance", ...query });
  expect(members).toMatchObject({ entries: [{ pair: { clerkOrgId: team } }], totalCount: 4, isShort: false });
  const ofAbsent = { of: "organization", clerkOrgId: "org_absent", ...query } as const;
  expect(await clerk.listMembershipPage(ofAbsent)).toBe("absent");

  await simulator.organizations.update(team, { privateMetadata: { note: "x".repeat(11_000_000) } });
  const alone = { clerkOrgId: null, result: { unreadable: { code: "clerk.too_large" } } };
  expect(await clerk.listOrganizationPage(query)).toMatchObject({ entries: [alone], totalCount: null });
  expect(passed).toBe((await simulator.requests.totals()).total);
  await Promise.all([gateway.close(), simulator.stop(), pool.end()]);
}, 120_000);
