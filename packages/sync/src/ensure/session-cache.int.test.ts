import { connectRedis } from "@rollcall/jobs";
import type { Cluster, Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from "vitest";
import { sessionView } from "../testing/fixtures.ts";
import { type CachedSession, createSessionCache, type SessionCache } from "./session-cache.ts";

const redisUrl = inject("redisUrl");

describe.skipIf(!redisUrl)(`session cache${redisUrl ? "" : " (skipped: no Redis)"}`, () => {
  let redis: Redis | Cluster;
  let cache: SessionCache;
  const clerkId = "user_cache_test";

  beforeAll(() => {
    redis = connectRedis([redisUrl ?? ""], {}, () => undefined);
    cache = createSessionCache({ redis, ttlS: 60, appSessionKey: "app:{clerkId}:session" });
  });
  beforeEach(() => invalidate(clerkId));
  afterAll(() => redis.disconnect());

  const invalidate = (...clerkIds: string[]) => cache.invalidate(clerkIds, { onFailure: "throw" });

  const read = (serverStart: string | undefined = "a") => cache.read(clerkId, serverStart);

  async function missLease(): Promise<string | null> {
    const result = await read();
    if ("hit" in result) throw new Error("Expected a miss");
    return result.miss.lease;
  }

  test("a miss gives a lease, the lease allows a fill, and the next read is a hit that expires", async () => {
    await cache.fill(clerkId, await missLease(), session());
    expect(await read()).toEqual({ hit: view() });
    expect(await redis.ttl(`rollcall:session:${clerkId}`)).toBeGreaterThan(50);
  });

  test("concurrent invalidations delete the keys of every user, the app's own included", async () => {
    const clerkIds = Array.from({ length: 600 }, (_, index) => `user_at_once_${index}`);
    const keys = clerkIds.flatMap((id) => [`rollcall:session:${id}`, `app:${id}:session`]);
    await Promise.all(keys.map((key) => redis.set(key, "x", "EX", 60)));
    await Promise.all([
      invalidate(...clerkIds.slice(0, 300)),
      ...clerkIds.slice(300).map((id) => invalidate(id)),
    ]);
    expect(await redis.exists(keys)).toBe(0);
  });

  test("a slow reader cannot restore an entry that a writer invalidated", async () => {
    const lease = await missLease();
    await invalidate(clerkId);
    await cache.fill(clerkId, lease, session());
    expect(await read()).toHaveProperty("miss");
  });

  test("of two readers that miss at once, one may fill", async () => {
    const leases = await Promise.all([missLease(), missLease()]);
    expect(leases.filter((lease) => lease !== null)).toHaveLength(1);
    await cache.fill(clerkId, null, session());
    expect(await read()).toHaveProperty("miss");
  });

  test("the lease of a reader that died expires", async () => {
    await missLease();
    expect(await redis.pttl(`rollcall:session:${clerkId}`)).toBeGreaterThan(0);
  });

  test("an invalidation deletes the app's own key too", async () => {
    await redis.set(`app:${clerkId}:session`, "an entry of the app");
    await invalidate(clerkId);
    expect(await redis.get(`app:${clerkId}:session`)).toBeNull();
  });

  test("an entry in the form of another version is a miss", async () => {
    await redis.set(`rollcall:session:${clerkId}`, '{"user":{"id":"other form"}}');
    expect(await read()).toHaveProperty("miss");
  });

  test("an entry of a server that another one has replaced is a miss, and one of its readers may fill", async () => {
    await cache.fill(clerkId, await missLease(), session("a"));
    expect(await read("a")).toEqual({ hit: view() });
    const results = await Promise.all([read("b"), read("b")]);
    const leases = results.map((result) => ("miss" in result ? result.miss.lease : "hit"));
    expect(leases.filter((lease) => lease !== null)).toEqual([expect.stringContaining("lease:")]);
    // The row was read before the failover, by a slow reader.
    await cache.fill(clerkId, leases.find((lease) => lease !== null) ?? null, session("a"));
    expect(await read("b")).toHaveProperty("miss");
  });

  test("while no server has answered yet, any entry is a hit, also one of the version before", async () => {
    await cache.fill(clerkId, await missLease(), session("a"));
    expect(await cache.read(clerkId, undefined)).toEqual({ hit: view() });
    await redis.set(`rollcall:session:${clerkId}`, JSON.stringify(view()));
    expect(await cache.read(clerkId, undefined)).toEqual({ hit: view() });
    expect(await read("a")).toHaveProperty("miss");
  });

  test("while Redis is away, a read is a miss and an invalidation fails as its caller wants", async () => {
    const unreachable = connectRedis(
      ["redis://127.0.0.1:9"],
      { maxRetriesPerRequest: 0, enableOfflineQueue: false },
      () => undefined,
    );
    const away = createSessionCache({ redis: unreachable, ttlS: 60, appSessionKey: "x" });
    expect(await away.read(clerkId, "a")).toEqual({ miss: { lease: null } });
    await away.fill(clerkId, "lease:x", session());
    const failed = away.invalidate([clerkId], { onFailure: "throw" });
    await expect(failed).rejects.toMatchObject({ code: "queue.unavailable" });
    const failures: string[] = [];
    await away.invalidate([clerkId], { onFailure: ({ code }) => failures.push(code) });
    expect(failures).toEqual(["queue.unavailable"]);
    unreachable.disconnect();
  });
});

function session(serverStart = "a"): CachedSession {
  return { view: view(), serverStart };
}

const view = () => sessionView("user_cache_test");
