import { type ClerkSimulator, startClerkSimulator } from "@rollcall/clerk-simulator";
import { createPool, migrateUp, type Pool } from "@rollcall/db";
import { createDatabase } from "@rollcall/local-services";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { createTestWorker, type TestWorker } from "../testing/workers.ts";
import { syncUser } from "../user/sync-user.ts";

let clerk: ClerkSimulator;
let app: Pool;
let workers: TestWorker[];

beforeAll(async () => {
  const databaseUrl = await createDatabase(inject("postgresUrl"));
  app = createPool({
    databaseUrl,
    applicationName: "app",
    searchPath: "public",
    onIdleError: () => undefined,
  });
  await migrateUp(app);
  clerk = await startClerkSimulator({ rateLimit: null });
  workers = Array.from({ length: 4 }, () => createTestWorker(databaseUrl, clerk));
});
afterAll(async () => {
  await Promise.all([app?.end(), clerk?.stop(), ...(workers ?? []).map((worker) => worker.close())]);
});

const rounds = 6;

test("overlapping batches in opposite order, with each id twice and deletions between, fail no job and make no duplicate", async () => {
  const [people, leaving] = [50, 10];
  for (let round = 0; round < rounds; round++) {
    const ids: string[] = [];
    for (let n = 0; n < people; n++) {
      // Every third user shares an address with the one before, so that users compete for profiles.
      const email = `p${n - (n % 3 === 1 ? 1 : 0)}@round${round}.test`;
      ids.push((await clerk.users.create({ email })).id);
      await app.query("insert into mentorados (nome_completo, email) values ('Unclaimed', $1)", [email]);
    }
    const storms = workers.map(async ({ context, holdNext }, n) => {
      const order = n % 2 === 0 ? ids : ids.toReversed();
      const run = (kind: "refresh" | "delete") => (clerkId: string) =>
        syncUser(context, { v: 1, kind, clerkId, cause: "ensure", eventAtMs: 0 }, 1);
      const read = holdNext("after");
      const refreshes = [...order, ...order].map(run("refresh"));
      await read.arrived;
      return () => {
        read.release();
        return [...refreshes, ...order.slice(0, leaving).map(run("delete"))];
      };
    });
    // All workers have read before the first write, so that they write at once.
    const releases = await Promise.all(storms);
    await Promise.all(releases.flatMap((release) => release()));
  }
  const living = await app.query(
    `select count(*)::int as users, count(m.id)::int as profiles
     from users u left join mentorados m on m.user_id = u.id where deleted_at is null`,
  );
  // Two workers delete the first ten users, and two the last ten.
  const expected = rounds * (people - 2 * leaving);
  expect(living.rows).toEqual([{ users: expected, profiles: expected }]);
  const tombstones = await app.query(
    "select count(*)::int as users, count(m.id)::int as profiles from users u left join mentorados m on m.user_id = u.id where deleted_at is not null",
  );
  expect(tombstones.rows).toEqual([{ users: rounds * 2 * leaving, profiles: 0 }]);
  // A transaction runs again after a deadlock, which costs a second. The lock order leaves only the rare deadlock of a link
  // and a deletion that evaluate each other's conflicts. Without it there are three in each round.
  const stats = await app.query(
    "select deadlocks::int from pg_stat_database where datname = current_database()",
  );
  expect(stats.rows[0].deadlocks).toBeLessThan(rounds);
});
