import { randomUUID } from "node:crypto";
import { type SessionView, sessionView } from "@rollcall/contracts";
import DataLoader from "dataloader";
import { Cluster, type Redis } from "ioredis";

/** What the cache knows. After a miss, a lease allows to fill; null when somebody else holds it. */
export type CacheResult = { hit: SessionView } | { miss: { lease: string | null } };

/**
 * Users with their profiles, for logins. Reads and fills never fail: a cache that is away is a miss. Drops do
 * fail, because a stale entry that outlives its change is a wrong answer.
 */
export type SessionCache = {
  read(clerkId: string): Promise<CacheResult>;
  fill(clerkId: string, lease: string | null, view: SessionView): Promise<void>;
  drop(clerkId: string): Promise<void>;
};

export type SessionCacheOptions = {
  redis: Redis | Cluster;
  ttlS: number;
  /** The app's own cache key, with `{clerkId}` where the id goes; dropped with ours. */
  appSessionKey: string;
};

const leasePrefix = "lease:";
/** Longer than any read of the row takes, short enough that a reader who died blocks nobody for long. */
const leaseMs = 10_000;

/**
 * A slow reader must not put back what a writer dropped: a miss leaves a lease in the key, a fill replaces
 * exactly that lease, and a drop removes it.
 */
const fillScript = `
if redis.call("get", KEYS[1]) == ARGV[1] then
  return redis.call("set", KEYS[1], ARGV[2], "EX", ARGV[3])
end`;

const mostDropsAtOnce = 250;

export function createSessionCache({ redis, ttlS, appSessionKey }: SessionCacheOptions): SessionCache {
  const ownKey = (clerkId: string) => `rollcall:session:${clerkId}`;
  const keysOf = (clerkId: string) => [ownKey(clerkId), appSessionKey.replaceAll("{clerkId}", clerkId)];
  // Those who are written together are dropped together, with one command.
  const drops = new DataLoader<string, undefined>((clerkIds) => dropAll(clerkIds), {
    cache: false,
    maxBatchSize: mostDropsAtOnce,
    batchScheduleFn: setImmediate,
  });

  async function dropAll(clerkIds: readonly string[]): Promise<undefined[]> {
    const keys = clerkIds.flatMap(keysOf);
    // In a cluster each key may live in another slot, and a command must keep to one.
    await (redis instanceof Cluster ? Promise.all(keys.map((key) => redis.del(key))) : redis.del(keys));
    return clerkIds.map(() => undefined);
  }

  async function takeLease(clerkId: string): Promise<string | null> {
    const lease = `${leasePrefix}${randomUUID()}`;
    const taken = await redis.set(ownKey(clerkId), lease, "PX", leaseMs, "NX");
    return taken === "OK" ? lease : null;
  }

  return {
    read: async (clerkId) => {
      try {
        const stored = await redis.get(ownKey(clerkId));
        if (stored === null) return { miss: { lease: await takeLease(clerkId) } };
        const view = stored.startsWith(leasePrefix) ? undefined : parseView(stored);
        return view ? { hit: view } : { miss: { lease: null } };
      } catch {
        return { miss: { lease: null } };
      }
    },
    fill: async (clerkId, lease, view) => {
      if (lease === null) return;
      await redis
        .eval(fillScript, 1, ownKey(clerkId), lease, JSON.stringify(view), ttlS)
        .catch(() => undefined);
    },
    drop: (clerkId) => drops.load(clerkId),
  };
}

/** An entry that an older build wrote in another form is a miss. */
function parseView(stored: string): SessionView | undefined {
  try {
    return sessionView.safeParse(JSON.parse(stored)).data;
  } catch {
    return undefined;
  }
}

/** Without Redis there is no cache: every read is a miss and there is nothing to drop. */
export const noSessionCache: SessionCache = {
  read: async () => ({ miss: { lease: null } }),
  fill: async () => undefined,
  drop: async () => undefined,
};
