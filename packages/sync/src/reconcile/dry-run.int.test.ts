import type { Pool } from "@rollcall/db";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openStage, type Stage } from "./testing/stage.ts";

let stage: Stage;

beforeEach(async () => {
  stage = await openStage();
});
afterEach(() => stage.close());

/** All tables except those of the runs themselves, what they found, and the request budget. */
async function readTables(db: Pool): Promise<string> {
  const tables = await db.query<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables
     where schemaname in ('public', 'rollcall')
       and tablename not in ('runs', 'run_differences', 'leases', 'clerk_requests', 'migrations') order by 1`,
  );
  const contents = [];
  for (const { name } of tables.rows) {
    const rows = await db.query(`select to_jsonb(t)::text as row from ${name} t order by 1`);
    contents.push(`${name}\n${rows.rows.map(({ row }) => row).join("\n")}`);
  }
  return contents.join("\n\n");
}

const verified = (address: string) => ({ emails: [{ address, status: "verified" as const }] });

test("a dry run writes nothing and predicts the counts of the real run exactly", async () => {
  const { clerk, db, reconciler } = stage;
  await clerk.users.seed(1_300, { firstCreatedAtMs: 1_000_000, stepMs: 10 });
  await reconciler.complete("full");
  const people = await clerk.users.list({ limit: 1_300 });
  const idAt = (index: number) => people[index]?.id ?? "";
  // Changes, deletions, a lost profile, and newcomers on the last page.
  // More changes than one batch of the dry run holds, so that users with one email must be put into one batch.
  for (let index = 200; index < 500; index++) await clerk.users.update(idAt(index), { firstName: "Other" });
  for (const index of [10, 600, 1_100]) await clerk.users.delete(idAt(index));
  await db.query("delete from mentorados where user_id = (select id from users where clerk_id = $1)", [
    idAt(20),
  ]);
  // Unclaimed profiles: one for a newcomer; one with two newcomers as claimants; one with claimants on an early and on a
  // late page; and one whose rival claimant gives its address up.
  await db.query(
    `insert into mentorados (nome_completo, email) values
       ('Unclaimed', 'one@example.com'), ('Unclaimed', 'two@example.com'), ('Unclaimed', 'far@example.com'),
       ('Unclaimed', 'left@example.com')`,
  );
  await clerk.users.update(idAt(30), verified("far@example.com"));
  await db.query("delete from mentorados where user_id = (select id from users where clerk_id = $1)", [
    idAt(30),
  ]);
  await db.query(
    "update users set email = 'left@example.com', email_verified = true, clerk_updated_at = clerk_updated_at - interval '1 s' where clerk_id = $1",
    [idAt(40)],
  );
  for (const address of ["one", "two", "two", "far", "left"]) {
    await clerk.users.create(verified(`${address}@example.com`));
  }
  const before = await readTables(db);
  const dry = await reconciler.complete("full", { dryRun: true });
  expect(await readTables(db)).toBe(before);
  const real = await reconciler.complete("full");
  expect(dry.counts).toEqual(real.counts);
  expect(dry).toMatchObject({ state: "succeeded", dryRun: true, pages: real.pages, seen: real.seen });
  expect(real.counts).toMatchObject({ linked: 3, deleted: 3 });
  const kinds = await db.query(
    `select kind, count(*)::int as count from rollcall.run_differences where run_id = $1 group by kind`,
    [dry.id],
  );
  const { unchanged: _, ...changes } = real.counts;
  const found = Object.fromEntries(kinds.rows.map(({ kind, count }) => [kind, count]));
  expect({ created: 0, linked: 0, updated: 0, deleted: 0, held: 0, failed: 0, ...found }).toEqual(changes);
  expect(real.counts.updated).toBeGreaterThan(0);
  expect(real.counts.created).toBeGreaterThan(0);
});

test("a dry run predicts that deletions would be held, and users that the run creates do not change that", async () => {
  const { clerk, reconciler } = stage;
  await clerk.users.seed(40);
  await reconciler.complete("full");
  for (const person of (await clerk.users.list()).slice(0, 6)) await clerk.users.delete(person.id);
  const dry = await reconciler.complete("full", { dryRun: true });
  expect(dry).toMatchObject({ state: "held", counts: { held: 6, deleted: 0 } });
  // With 1,300 users, 0.5 % are more than five. But the key of another instance could bring as many users.
  await clerk.users.seed(1_300);
  const larger = await reconciler.complete("full", { dryRun: true });
  const real = await reconciler.complete("full");
  expect(larger.counts).toEqual(real.counts);
  expect(real).toMatchObject({ state: "held", counts: { held: 6, created: 1_300 } });
  // The created users count from the next run on.
  expect(await reconciler.complete("full", { dryRun: true })).toMatchObject({ counts: { deleted: 6 } });
});

test("before the first run, a dry run counts each user once whose webhook is missing", async () => {
  const { clerk, db, reconciler } = stage;
  await clerk.users.seed(4, { firstCreatedAtMs: 1_000_000, stepMs: 10 });
  // Rows of the app have no time of Clerk's, so no page has them in its range, and each is asked for by its id too.
  const people = await clerk.users.list({ limit: 2 });
  await db.query("insert into users (clerk_id) select unnest($1::text[])", [people.map(({ id }) => id)]);
  const dry = await reconciler.complete("full", { dryRun: true });
  const real = await reconciler.complete("full");
  expect([dry.counts, dry.missed]).toEqual([real.counts, real.missed]);
  expect(real).toMatchObject({ counts: { created: 4 }, missed: 4 });
});

test("a dry catch-up predicts the catch-up and moves no watermark", async () => {
  const { clerk, db, reconciler } = stage;
  await clerk.users.seed(100);
  await reconciler.complete("full");
  await reconciler.complete("catch-up");
  const [first] = await clerk.users.list({ limit: 1 });
  await clerk.users.update(first?.id ?? "", { firstName: "Other" });
  await clerk.users.create();
  const before = await readTables(db);
  const dry = await reconciler.complete("catch-up", { dryRun: true });
  expect(await readTables(db)).toBe(before);
  expect(dry.counts).toEqual((await reconciler.complete("catch-up")).counts);
  expect(dry.counts).toMatchObject({ created: 1, updated: 1, unchanged: 99 });
});

test("a dry run neither delays nor replaces a real run", async () => {
  const { clerk, reconciler } = stage;
  await clerk.users.seed(10);
  await clerk.faults.add({ kind: "latency", ms: 300 });
  const [dry, real] = await Promise.all([
    reconciler.complete("full", { dryRun: true }),
    reconciler.complete("full"),
  ]);
  expect([dry.dryRun, real.dryRun]).toEqual([true, false]);
  expect(real.counts.created).toBe(10);
});
