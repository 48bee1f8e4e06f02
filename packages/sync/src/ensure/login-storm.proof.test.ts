import { type ClerkSimulator, startClerkSimulator } from "@rollcall/clerk-simulator";
import { createPool, migrateUp, type Pool } from "@rollcall/db";
import { createDatabase } from "@rollcall/local-services";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { createTestWorker, type TestWorker } from "../testing/convergence/workers.ts";
import { syncUser } from "../user/sync-user.ts";

let clerk: ClerkSimulator;
let app: Pool;
let workers: TestWorker[];

beforeAll(async () => {
  const databaseUrl = await createDatabase(inject("postgresUrl"));
  app = createPool({ databaseUrl, applicationName: "app", onIdleError: () => undefined });
  await migrateUp(app);
  clerk = await startClerkSimulator({ rateLimit: null });
  workers = Array.from({ length: 4 }, () => createTestWorker(databaseUrl, clerk));
});
afterAll(async () => {
  await Promise.all([app?.end(), clerk?.stop(), ...(workers ?? []).map((worker) => worker.close())]);
});

const rounds = 6;

test("batches that overlap in opposite order, each id twice, with deletions between: no run fails, no duplicate", async () => {
  const [people, leaving] = [50, 10];
  for (let round = 0; round < rounds; round++) {
    const ids: string[] = [];
    for (let n = 0; n < people; n++) {
      // Every third shares an address with the one before, so that links and conflicts are fought for.
      const email = `p${n - (n % 3 === 1 ? 1 : 0)}@round${round}.test`;
      ids.push((await clerk.users.create({ email })).id);
      await app.query("insert into mentorados (nome_completo, email) values ('Waiting', $1)", [email]);
    }
    const storms = workers.map(async ({ context, holdNext }, n) => {
      const order = n % 2 === 0 ? ids : ids.toReversed();
      const run = (kind: "refresh" | "delete") => (clerkId: string) =>
        syncUser(context, { v: 1, kind, clerkId, cause: "ensure", eventAtMs: 0 }, 1);
      const read = holdNext("after");
      const looks = [...order, ...order].map(run("refresh"));
      await read.arrived;
      return () => {
        read.release();
        return [...looks, ...order.slice(0, leaving).map(run("delete"))];
      };
    });
    // All have read before any writes, so that all write at once.
    const releases = await Promise.all(storms);
    await Promise.all(releases.flatMap((release) => release()));
  }
  const living = await app.query(
    `select count(*)::int as users, count(m.id)::int as profiles
     from users u left join mentorados m on m.user_id = u.id where deleted_at is null`,
  );
  // Two workers each bury the first ten, or the last ten.
  const expected = rounds * (people - 2 * leaving);
  expect(living.rows).toEqual([{ users: expected, profiles: expected }]);
  const tombstones = await app.query(
    "select count(*)::int as users, count(m.id)::int as profiles from users u left join mentorados m on m.user_id = u.id where deleted_at is not null",
  );
  expect(tombstones.rows).toEqual([{ users: rounds * 2 * leaving, profiles: 0 }]);
  // A deadlock is run again and reaches nobody, but costs a second. The lock order leaves only the rare one
  // between a link and a deletion that judge each other's conflicts; without it there are three a round.
  const stats = await app.query(
    "select deadlocks::int from pg_stat_database where datname = current_database()",
  );
  expect(stats.rows[0].deadlocks).toBeLessThan(rounds);
});
