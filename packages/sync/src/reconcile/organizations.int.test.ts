import type { ClerkGateway } from "@rollcall/clerk";
import { AppError, defaultMapping, type RunView } from "@rollcall/contracts";
import { countHeldDeletions, listDifferences, listRuns } from "@rollcall/db";
import { afterAll, beforeAll, expect, test } from "vitest";
import { noSessionCache, type SessionCache } from "../ensure/session-cache.ts";
import { confirmDeletions } from "./confirm-held-deletions.ts";
import { requestRun } from "./request-run.ts";
import { runReconcile } from "./run.ts";
import { createReconciler } from "./testing/reconciler.ts";
import { openStage, type Stage } from "./testing/stage.ts";
import { findTeamInequalities } from "./testing/team-equality.ts";

const mapping = { ...defaultMapping, organizations: {} };
let stage: Stage;

beforeAll(async () => {
  stage = await openStage({ mapping });
  await stage.clerk.users.seed(40);
});
afterAll(() => stage.close());

const silent = { silent: true };

test("a full sync writes all organizations and memberships, and a second one changes nothing", async () => {
  const { clerk, db, reconciler } = stage;
  await clerk.organizations.seed(20, { members: 10 });
  const run = await reconciler.complete("full");
  expect(run).toMatchObject({
    state: "succeeded",
    seen: 260,
    total: 260,
    counts: { created: 260, failed: 0 },
  });
  expect(await findTeamInequalities(db, clerk)).toEqual([]);
  const again = await reconciler.complete("full");
  expect(again).toMatchObject({
    state: "succeeded",
    counts: { created: 0, updated: 0, unchanged: 260, deleted: 0 },
  });
});

test("a full sync repairs what webhooks missed: renames, roles, members who left or joined again, and deletions", async () => {
  const { clerk, db, reconciler } = stage;
  const [first, second, third] = await clerk.organizations.list();
  const members = await clerk.memberships.list();
  const of = (id = "") =>
    members.filter(({ organization }) => organization.id === id).map((m) => m.public_user_data.user_id);
  await clerk.organizations.update(first?.id ?? "", { name: "Renamed" }, silent);
  await clerk.memberships.update(first?.id ?? "", of(first?.id)[0] ?? "", { role: "org:lead" }, silent);
  await clerk.memberships.delete(first?.id ?? "", of(first?.id)[1] ?? "", silent);
  await clerk.memberships.delete(first?.id ?? "", of(first?.id)[2] ?? "", silent);
  await clerk.memberships.create(first?.id ?? "", of(first?.id)[2] ?? "", { role: "org:back" }, silent);
  await clerk.organizations.delete(second?.id ?? "", silent);
  const newcomer = await clerk.users.create({}, silent);
  await clerk.memberships.create(third?.id ?? "", newcomer.id, {}, silent);
  const run = await reconciler.complete("full");
  expect(run).toMatchObject({ state: "succeeded", counts: { deleted: 2, held: 0, failed: 0 } });
  expect(await findTeamInequalities(db, clerk)).toEqual([]);
  const candidates = await db.query("select from rollcall.organization_candidates");
  expect(candidates.rows).toEqual([]);
});

test("a full sync drops the cached sessions of members, and the organizations, that it writes or ends, also if its runner dies behind the ends", async () => {
  const { clerk, db } = stage;
  const [renamed, left, gone] = await clerk.organizations.list({ offset: 10, limit: 3 });
  const member = (await clerk.memberships.list()).find(({ organization }) => organization.id === left?.id);
  const clerkId = member?.public_user_data.user_id ?? "";
  await clerk.organizations.update(renamed?.id ?? "", { name: "Renamed again" }, silent);
  await clerk.memberships.delete(left?.id ?? "", clerkId, silent);
  await clerk.organizations.delete(gone?.id ?? "", silent);
  const [users, organizations] = [new Set<string>(), new Set<string>()];
  const collect = (into: Set<string>) => async (ids: readonly string[]) => {
    for (const id of ids) into.add(id);
  };
  const sessionCache: SessionCache = {
    ...noSessionCache,
    invalidate: collect(users),
    organizations: { ...noSessionCache.organizations, invalidate: collect(organizations) },
  };
  const life = new AbortController();
  const dyingCache: SessionCache = {
    ...sessionCache,
    organizations: {
      ...sessionCache.organizations,
      invalidate: async (ids, options) => {
        if (ids.includes(gone?.id ?? "")) {
          life.abort();
          throw new AppError("queue.unavailable", "The process dies here");
        }
        return sessionCache.organizations.invalidate(ids, options);
      },
    },
  };
  const { run } = await requestRun(
    stage.reconciler.context,
    { mode: "full", dryRun: false },
    { program: "test" },
  );
  const mortal = createReconciler(stage.databaseUrl, clerk, { mapping, sessionCache: dyingCache });
  const died = await runReconcile(mortal.context, run.id, { signal: life.signal });
  expect(died).toMatchObject({ kind: "interrupted" });
  await mortal.close();
  expect([organizations.has(gone?.id ?? ""), users.has(clerkId)]).toEqual([false, false]);
  const own = createReconciler(stage.databaseUrl, clerk, { mapping, sessionCache });
  expect(await own.complete("full")).toMatchObject({ id: run.id, state: "succeeded" });
  await own.close();
  expect([...users]).toEqual([clerkId]);
  // One member less is another number of members.
  expect([...organizations].sort()).toEqual([renamed?.id, left?.id, gone?.id].sort());
  expect(await findTeamInequalities(db, clerk)).toEqual([]);
});

/** Deletes this many organizations at Clerk, the newest first. */
async function loseOrganizations(count: number): Promise<string[]> {
  const ids = (await stage.clerk.organizations.list({ limit: count })).map(({ id }) => id);
  for (const id of ids) await stage.clerk.organizations.delete(id, silent);
  return ids;
}

/** Ends a membership in each of this many organizations at Clerk. */
async function loseMembers(count: number): Promise<void> {
  const members = await stage.clerk.memberships.list({ limit: 1_000 });
  const oneOfEach = new Map(members.map((member) => [member.organization.id, member]));
  for (const { organization, public_user_data: user } of [...oneOfEach.values()].slice(0, count))
    await stage.clerk.memberships.delete(organization.id, user.user_id, silent);
}

/** Live rows that Clerk lacks. */
const countExtra = async () =>
  (await findTeamInequalities(stage.db, stage.clerk)).filter((line) => line.startsWith("- ")).length;

test("a dry run lists the differences of organizations and memberships, and writes nothing", async () => {
  const { clerk, db, reconciler } = stage;
  await loseOrganizations(1);
  await loseMembers(1);
  const { id } = await clerk.organizations.create({ name: "Dry" }, silent);
  const before = await findTeamInequalities(db, clerk);
  const dry = await reconciler.complete("full", { dryRun: true });
  expect(await findTeamInequalities(db, clerk)).toEqual(before);
  const { items } = await listDifferences(db, dry.id, { after: undefined, limit: 100 });
  const named = items.map(({ kind, clerkOrgId, clerkId }) => [kind, clerkOrgId !== undefined, clerkId]);
  expect(named).toContainEqual(["created", false, id]);
  expect(named).toContainEqual(["deleted", true, expect.stringMatching(/^user_/)]);
  expect(named).toContainEqual(["deleted", false, expect.stringMatching(/^org_/)]);
  const real = await reconciler.complete("full");
  expect(real.counts).toEqual(dry.counts);
  expect(await findTeamInequalities(db, clerk)).toEqual([]);
});

test("too many ends are held, each kind by itself, and end once an operator confirms them", async () => {
  const { clerk, db, reconciler } = stage;
  await loseOrganizations(7);
  await loseMembers(7);
  // Rows that the run makes must not raise the limit that stops it.
  await clerk.organizations.seed(2_000, { members: 0 });
  const before = await countExtra();
  const run = await reconciler.complete("full");
  expect(run).toMatchObject({ state: "held", counts: { created: 2_000, deleted: 0, held: 14 } });
  expect(run.reason).toContain("(users 0, organizations 7, memberships 7)");
  // The number of members is a value of a live organization, which the run wrote.
  expect(await countExtra()).toBe(before - 7);
  expect(await countHeldDeletions(db)).toBe(14);
  const confirmed = await confirmDeletions(reconciler.context, run.id, "ops");
  expect(confirmed).toMatchObject({ state: "succeeded", counts: { deleted: 14, held: 0 } });
  expect(await findTeamInequalities(db, clerk)).toEqual([]);
  expect(await countHeldDeletions(db)).toBe(0);
  const { rows } = await db.query(
    "select distinct deleted_by from rollcall.organization_states where deleted_by = 'person'",
  );
  expect(rows).toHaveLength(1);
});

test("only the kind that is held waits for the operator", async () => {
  const { clerk, db, reconciler } = stage;
  await loseOrganizations(1);
  await loseMembers(7);
  const run = await reconciler.complete("full");
  expect(run).toMatchObject({ state: "held", counts: { deleted: 1, held: 7 } });
  const confirmed = await confirmDeletions(reconciler.context, run.id, "ops");
  expect(confirmed).toMatchObject({ state: "succeeded", counts: { deleted: 8, held: 0 } });
  expect(await findTeamInequalities(db, clerk)).toEqual([]);
});

test("a run that is killed at any page goes on at its checkpoint", async () => {
  const { clerk, db, databaseUrl, reconciler } = stage;
  await clerk.organizations.seed(30, { members: 40, firstCreatedAtMs: Date.now() - 30_000 });
  const [odd] = await clerk.organizations.list();
  await clerk.organizations.delete(odd?.id ?? "", silent);
  const { run } = await requestRun(reconciler.context, { mode: "full", dryRun: false }, { program: "test" });
  let ended: RunView | undefined;
  let requests = 0;
  while (!ended) {
    // It lives for three pages, of which it stores two.
    const life = new AbortController();
    const mortal = createReconciler(databaseUrl, clerk, { mapping });
    const gateway = mortal.context.clerk;
    let left = 3;
    const age = () => {
      requests++;
      if (--left === 0) life.abort();
    };
    const counted: ClerkGateway = {
      ...gateway,
      listOrganizations: (query) => {
        age();
        return gateway.listOrganizations(query);
      },
      listMemberships: (query) => {
        age();
        return gateway.listMemberships(query);
      },
    };
    const result = await runReconcile({ ...mortal.context, clerk: counted }, run.id, { signal: life.signal });
    if (result.kind === "ended") ended = result.run;
    await mortal.close();
  }
  expect(ended).toMatchObject({ state: "succeeded", counts: { failed: 0 } });
  expect(requests).toBeGreaterThan(6);
  expect(await findTeamInequalities(db, clerk)).toEqual([]);
});

test("an incremental sync writes new organizations and memberships; a lasting difference requests a full sync", async () => {
  const { clerk, db, reconciler } = stage;
  await reconciler.complete("catch-up");
  const owner = await clerk.users.create({}, silent);
  const { id } = await clerk.organizations.create({ createdBy: owner.id }, silent);
  const dry = await reconciler.complete("catch-up", { dryRun: true });
  const run = await reconciler.complete("catch-up");
  expect(run).toMatchObject({ state: "succeeded", counts: { created: 3, failed: 0 } });
  expect(dry.counts).toMatchObject({ created: 3 });
  expect(await findTeamInequalities(db, clerk)).toEqual([]);
  await clerk.memberships.delete(id, owner.id, silent);
  const open = async () =>
    (await listRuns(db, { mode: "full", beforeId: undefined, limit: 1 }))[0]?.finishedAt === null;
  for (let pass = 1; pass <= 3; pass++) {
    expect(await open()).toBe(false);
    await reconciler.complete("catch-up");
  }
  expect(await open()).toBe(true);
  await reconciler.complete("full");
  expect(await findTeamInequalities(db, clerk)).toEqual([]);
});

test("while organizations are off, runs ask Clerk for none, and no table of theirs exists", async () => {
  const off = await openStage();
  await off.clerk.users.seed(10);
  await off.clerk.organizations.seed(5, { members: 2 });
  for (const mode of ["full", "catch-up"] as const)
    for (const dryRun of [true, false])
      expect(await off.reconciler.complete(mode, { dryRun })).toMatchObject({ state: "succeeded", seen: 10 });
  const requests = await off.clerk.requests.list();
  expect(requests.filter(({ path }) => path.includes("organization"))).toEqual([]);
  const { rows } = await off.db.query(
    "select relname from pg_class where relnamespace = 'rollcall'::regnamespace and relname ~ 'organization|membership'",
  );
  expect(rows).toEqual([]);
  await off.close();
});
