import type { OrganizationView } from "@rollcall/contracts";
import { connectRedis } from "@rollcall/jobs";
import type { Cluster, Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from "vitest";
import { sessionView } from "../testing/fixtures.ts";
import { findCurrent, type OrganizationCache, type Pair } from "./organization-cache.ts";
import { createSessionCache, type SessionCache } from "./session-cache.ts";

const redisUrl = inject("redisUrl");
const drop = { onFailure: "throw" } as const;

describe.skipIf(!redisUrl)(`cached organizations${redisUrl ? "" : " (skipped: no Redis)"}`, () => {
  let redis: Redis | Cluster;
  let sessions: SessionCache;
  let organizations: OrganizationCache;
  let clerkId: string;
  let made = 0;

  beforeAll(() => {
    redis = connectRedis([redisUrl ?? ""], {}, () => undefined);
    sessions = createSessionCache({
      redis,
      ttlS: 60,
      appSessionKey: "app:{clerkId}",
      hasOrganizations: true,
    });
    organizations = sessions.organizations;
  });
  afterAll(() => redis.disconnect());
  beforeEach(async () => {
    clerkId = `user_of_team_${made++}`;
    await organizations.invalidate(["org_a", "org_b"], drop);
    await sessions.invalidate([clerkId], drop);
  });

  const pair = (clerkOrgId = "org_a"): Pair => ({ clerkOrgId, clerkId });

  /** What an ensure call knows before it reads the rows. The user's entry is filled at the first call. */
  async function look(clerkOrgId?: string) {
    const read = await organizations.read(pair(clerkOrgId));
    const cached = await sessions.read(clerkId, "a");
    if ("hit" in cached)
      return {
        of: { user: cached.generation, organization: read.generation },
        found: () => find(read, cached),
      };
    await sessions.fill(clerkId, cached.miss.lease, { view: sessionView(clerkId), serverStart: "a" });
    return { of: { user: cached.miss.lease, organization: read.generation }, found: () => undefined };
  }
  const find = (
    read: Parameters<typeof findCurrent>[0],
    { generation }: { generation?: string | undefined },
  ) => findCurrent(read, generation, "a")?.name;

  const fill = (
    { of }: { of: Parameters<OrganizationCache["fill"]>[1] },
    name: string,
    clerkOrgId?: string,
  ) => organizations.fill(pair(clerkOrgId), of, { view: view(name, clerkOrgId), serverStart: "a" });
  const read = async (clerkOrgId?: string) => (await look(clerkOrgId)).found();

  test("an entry is answered for its organization alone, and expires", async () => {
    await fill(await look(), "A");
    await fill(await look("org_b"), "B", "org_b");
    expect([await read(), await read("org_b"), await read("org_c")]).toEqual(["A", "B", undefined]);
    expect(await redis.ttl(`rollcall:session-organizations:${clerkId}`)).toBeGreaterThan(50);
    expect(await redis.ttl("rollcall:organization:org_a")).toBeGreaterThan(50);
  });

  test("what drops the user's entry ends the memberships too, and deletes their key", async () => {
    await fill(await look(), "A");
    await sessions.invalidate([clerkId], drop);
    expect(await redis.exists(`rollcall:session-organizations:${clerkId}`)).toBe(0);
    expect(await read()).toBeUndefined();
  });

  test("a slow reader restores neither an ended membership nor what an organization was", async () => {
    await look();
    const beforeEnd = await look();
    await sessions.invalidate([clerkId], drop);
    await fill(beforeEnd, "ended");
    expect([await read(), await read()]).toEqual([undefined, undefined]);

    const beforeRename = await look();
    await organizations.invalidate(["org_a"], drop);
    await fill(beforeRename, "old name");
    expect([await read(), await read()]).toEqual([undefined, undefined]);
    await fill(await look(), "A");
    expect(await read()).toBe("A");
  });

  test("a reader whose lease was lost cannot fill for the reader that fills after it", async () => {
    const cached = await sessions.read(clerkId, "a");
    const lease = "miss" in cached ? cached.miss.lease : undefined;
    const { generation } = await organizations.read(pair());
    await sessions.invalidate([clerkId], drop);
    await look();
    await fill({ of: { user: lease, organization: generation } }, "ended");
    expect(await read()).toBeUndefined();
  });

  test("a changed organization ends the entries of all members, and of no other organization", async () => {
    await fill(await look(), "A");
    await fill(await look("org_b"), "B", "org_b");
    await organizations.invalidate(["org_a"], drop);
    expect([await read(), await read("org_b")]).toEqual([undefined, "B"]);
  });

  test("an entry of a server that another one has replaced is none, and neither is one of another form", async () => {
    const before = await look();
    await organizations.fill(pair(), before.of, { view: view("A"), serverStart: "before" });
    expect(await read()).toBeUndefined();
    await redis.hset(`rollcall:session-organizations:${clerkId}`, "org_a", "{}");
    expect(await read()).toBeUndefined();
  });

  test("while Redis is away, there is no entry, and an invalidation fails as its caller wants", async () => {
    const options = { maxRetriesPerRequest: 0, enableOfflineQueue: false };
    const unreachable = connectRedis(["redis://127.0.0.1:9"], options, () => undefined);
    const away = createSessionCache({
      ...{ redis: unreachable, ttlS: 60, appSessionKey: "x", hasOrganizations: true },
    }).organizations;
    expect(await away.read(pair())).toEqual({ entry: undefined, generation: null });
    const of = { user: "u", organization: "o" };
    await away.fill(pair(), of, { view: view("A"), serverStart: "a" });
    await expect(away.invalidate(["org_a"], drop)).rejects.toMatchObject({ code: "queue.unavailable" });
    unreachable.disconnect();
  });
});

function view(name: string, clerkOrgId = "org_a"): OrganizationView {
  return { id: 1, clerkOrgId, name, slug: null, imageUrl: null, role: "org:member" };
}
