import { defaultMapping, type RunView } from "@rollcall/contracts";
import { readCatchUp, requestRun } from "@rollcall/db";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Mangle, type ManglingProxy, startManglingProxy } from "./testing/mangling-proxy.ts";
import { createReconciler, type Reconciler } from "./testing/reconciler.ts";
import { openStage, type Stage } from "./testing/stage.ts";
import { findTeamInequalities } from "./testing/team-equality.ts";

const mapping = { ...defaultMapping, organizations: {} };
const retryForMs = 700;
const silent = { silent: true };

let stage: Stage;
let proxy: ManglingProxy;
let proxied: Reconciler;

// An organization and a member of another one are gone, few enough for the guard: a full sync that does not fail would end them.
beforeAll(async () => {
  stage = await openStage({ mapping, retryForMs });
  proxy = await startManglingProxy(stage.clerk);
  proxied = createReconciler(stage.databaseUrl, stage.clerk, { mapping, apiUrl: proxy.url, retryForMs });
  await stage.clerk.users.seed(100);
  await stage.clerk.organizations.seed(60, { members: 20, firstCreatedAtMs: Date.now() - 3_600_000 });
  await proxied.complete("full");
  const [gone, left] = await stage.clerk.organizations.list();
  const members = await stage.clerk.memberships.list();
  const member = members.find(({ organization }) => organization.id === left?.id);
  await stage.clerk.organizations.delete(gone?.id ?? "", silent);
  await stage.clerk.memberships.delete(left?.id ?? "", member?.public_user_data.user_id ?? "", silent);
});
afterEach(() => proxy.mangle(undefined));
afterAll(async () => {
  await Promise.all([proxied.close(), proxy.close(), stage.close()]);
});

const countLive = `
select (select count(*)::int from rollcall.organization_states where deleted_at is null) as organizations,
       (select count(*)::int from rollcall.membership_states where deleted_at is null) as memberships,
       (select count(*)::int from rollcall.organization_candidates) as candidates
`;

/** Runs a full sync that cannot succeed, and ends nothing. */
async function fail(): Promise<RunView> {
  const run = await proxied.complete("full");
  expect(run).toMatchObject({ state: "failed", counts: { deleted: 0, held: 0 } });
  const { rows } = await stage.db.query(countLive);
  expect(rows).toEqual([{ organizations: 60, memberships: 1_200, candidates: 0 }]);
  return run;
}

type Body = { data: unknown[]; total_count: number };

/** Changes whole lists only, from the `from`th page of this list in this run on. */
function pages(list: "organizations" | "memberships", from: number, change: (body: Body) => unknown): Mangle {
  const path = list === "organizations" ? "/v1/organizations" : "/v1/organization_memberships";
  let page = 0;
  return (request, answer) => {
    const { parameters } = request;
    if (request.path !== path || parameters.has("organization_id") || Number(parameters.get("limit")) < 500)
      return undefined;
    return ++page < from ? undefined : change(answer as Body);
  };
}

describe.each(["organizations", "memberships"] as const)(
  "a full sync fails with a reason and ends nothing when the list of %s",
  (list) => {
    test.each<[string, string, (body: Body) => unknown]>([
      ["is bare", "clerk.unreadable", ({ data }) => data],
      [
        "is an error body with status 200",
        "clerk.unreadable",
        () => ({ errors: [{ code: "internal_clerk_error" }] }),
      ],
      ["is empty with a count", "reconcile.list_incomplete", (body) => ({ ...body, data: [] })],
      ["is empty without a count", "reconcile.list_incomplete", () => ({ data: [], total_count: 0 })],
      [
        "is cut off",
        "reconcile.list_incomplete",
        ({ data, ...body }) => ({ ...body, data: data.slice(0, 40) }),
      ],
      [
        "is cut off, and so is its count",
        "reconcile.list_incomplete",
        ({ data }) => ({ data: data.slice(0, 40), total_count: 40 }),
      ],
      [
        "is out of order",
        "reconcile.list_repeated",
        ({ data, ...body }) => ({ ...body, data: data.toReversed() }),
      ],
    ])("%s", async (_case, code, change) => {
      proxy.mangle(pages(list, 1, change));
      const run = await fail();
      expect(run.errorCode).toBe(code);
      expect(run.reason).toMatch(/Clerk/);
    });
  },
);

describe("a full sync fails with a reason and ends nothing when a later page", () => {
  test("repeats the first one", async () => {
    let first: Body | undefined;
    proxy.mangle(pages("memberships", 1, (body) => (first ??= body)));
    expect((await fail()).errorCode).toBe("reconcile.list_repeated");
  });

  test.each<[string, (body: Body) => unknown]>([
    ["is empty", (body) => ({ ...body, data: [] })],
    [
      "is empty, and the count shrinks to what was seen",
      (body) => ({ data: [], total_count: Math.min(body.total_count, 500) }),
    ],
    [
      "is cut off, and the count shrinks with it",
      ({ data }) => ({ data: data.slice(0, 100), total_count: 550 }),
    ],
  ])("%s", async (_case, change) => {
    proxy.mangle(pages("memberships", 2, change));
    expect((await fail()).errorCode).toBe("reconcile.list_incomplete");
  });

  test("is refused for longer than a run retries", async () => {
    proxy.mangle(pages("memberships", 2, () => 503));
    expect((await fail()).errorCode).toBe("clerk.unavailable");
  });
});

test("a full sync fails and ends nothing when answers by id lack what exists", async () => {
  proxy.mangle(({ parameters }) =>
    parameters.has("organization_id") ? { data: [], total_count: 0 } : undefined,
  );
  expect((await fail()).errorCode).toBe("reconcile.unconfirmed");
  proxy.mangle(({ path, parameters }) =>
    path.endsWith("/memberships") && parameters.has("user_id") ? { data: [], total_count: 0 } : undefined,
  );
  expect((await fail()).errorCode).toBe("reconcile.unconfirmed");
});

test("a full sync whose list of organizations fails has compared the users, and covers their changes", async () => {
  const { db, clerk } = stage;
  const untilMs = Date.now();
  await requestRun(db, { mode: "full", dryRun: false, startedBy: "catch-up", watermarkMs: untilMs });
  await clerk.users.create({}, silent);
  proxy.mangle(({ path }) => (path === "/v1/organizations" ? 503 : undefined));
  const run = await proxied.complete("full");
  expect(run).toMatchObject({ state: "failed", errorCode: "clerk.unavailable", counts: { created: 1 } });
  expect((await readCatchUp(db)).watermarkMs).toBe(untilMs);
});

test("a failing list of organizations keeps no change of a user back, and the next run ends what is gone", async () => {
  await stage.clerk.users.create({}, silent);
  proxy.mangle(({ path }) => (path === "/v1/organizations" ? 503 : undefined));
  const run = await proxied.complete("catch-up");
  expect(run).toMatchObject({ state: "failed", errorCode: "clerk.unavailable", counts: { created: 1 } });
  const { rows } = await stage.db.query("select watermark_ms is not null as moved from rollcall.catch_up");
  expect(rows).toEqual([{ moved: true }]);
  proxy.mangle(undefined);
  expect(await proxied.complete("full")).toMatchObject({ state: "succeeded", counts: { deleted: 2 } });
  expect(await findTeamInequalities(stage.db, stage.clerk)).toEqual([]);
});

test("a membership that is younger than the lists does not end, and the next run decides it", async () => {
  const { clerk, db } = stage;
  const [team] = await clerk.organizations.list();
  const clerkOrgId = team?.id ?? "";
  const newcomer = await clerk.users.create({}, silent);
  await clerk.memberships.create(clerkOrgId, newcomer.id, {}, silent);
  await proxied.complete("full");
  // Lists as of a moment ago. The organization itself counts its members now.
  proxy.mangle(({ path }, answer) => {
    if (!/organization_memberships|organizations.*memberships/.test(path)) return undefined;
    const { data, total_count } = answer as {
      data: { public_user_data: { user_id: string } }[];
      total_count: number;
    };
    const older = data.filter(({ public_user_data }) => public_user_data.user_id !== newcomer.id);
    return { data: older, total_count: total_count - 1 };
  });
  expect(await proxied.complete("full")).toMatchObject({
    state: "succeeded",
    counts: { deleted: 0, held: 0 },
  });
  expect(await findTeamInequalities(db, clerk)).toEqual([]);
  proxy.mangle(undefined);
  await clerk.memberships.delete(clerkOrgId, newcomer.id, silent);
  expect(await proxied.complete("full")).toMatchObject({ state: "succeeded", counts: { deleted: 1 } });
  expect(await findTeamInequalities(db, clerk)).toEqual([]);
});
