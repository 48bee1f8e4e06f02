import { randomUUID } from "node:crypto";
import { defaultSessionView, mappedSessionView, type SessionView } from "@rollcall/contracts";
import { connectRedis, stayOnPrimary } from "@rollcall/jobs";
import {
  inChildSpan,
  inSharedSpan,
  type Span,
  type SpanOptions,
  type Tracing,
} from "@rollcall/observability";
import DataLoader from "dataloader";
import { Cluster, type Redis } from "ioredis";
import { z } from "zod";
import { invalidateKeys, type OnInvalidationFailure } from "./invalidation.ts";
import {
  createOrganizationCache,
  noOrganizationCache,
  type OrganizationCache,
  organizationsKey,
} from "./organization-cache.ts";

/**
 * The result of a read. After a miss, a lease allows one fill; it is null while another reader holds it. A hit names the
 * generation of its entry, which is the lease that it was filled with. While organizations are off it has none.
 */
export type CacheResult =
  | { hit: SessionView; generation?: string | undefined }
  | { miss: { lease: string | null } };

/** A user's rows, and when the server that has them began: see `findSession`. */
export type CachedSession = { view: SessionView; serverStart: string };

/** Users with their profiles, for logins. */
export type SessionCache = {
  /**
   * Never fails: while Redis is away, every read is a miss.
   *
   * @param serverStart when the present server of the rows began. An entry of another server is a miss: after a failover
   * the rows may be gone, and their keys those of other users. Undefined: any entry counts
   */
  read(clerkId: string, serverStart: string | undefined): Promise<CacheResult>;
  /** Never fails: an entry that is not stored is read from the rows again. */
  fill(clerkId: string, lease: string | null, session: CachedSession): Promise<void>;
  /**
   * Deletes the keys of users whose rows may have changed: ours, and the app's own. A key that stays would be a wrong
   * answer until it expires, so each caller decides what a failure means.
   */
  invalidate(clerkIds: readonly string[], options: { onFailure: OnInvalidationFailure }): Promise<void>;
  /** The active organizations of these users. */
  organizations: OrganizationCache;
};

export type SessionCacheOptions = {
  redis: Redis | Cluster;
  ttlS: number;
  /** The app's own cache key, with `{clerkId}` in the place of the id. It is deleted with ours. */
  appSessionKey: string;
  /** Whether profiles are those of another table than the default one; false by default. */
  hasMappedProfile?: boolean;
  /** Whether the mapping has organizations; false by default. */
  hasOrganizations?: boolean;
  tracing?: Tracing | undefined;
};

const leasePrefix = "lease:";
/** Longer than a read of the row takes. A reader that dies blocks fills for this long. */
const leaseMs = 10_000;

/**
 * A slow reader must not restore an entry that a writer deleted. So a miss leaves a lease in the key, a fill replaces
 * exactly that lease, and an invalidation deletes it.
 */
const fillScript = `
if redis.call("get", KEYS[1]) == ARGV[1] then
  return redis.call("set", KEYS[1], ARGV[2], "EX", ARGV[3])
end`;

/** Replaces an outdated entry with a lease. Of several readers that found it, one gets the lease. */
const replaceScript = `
if redis.call("get", KEYS[1]) == ARGV[1] then
  return redis.call("set", KEYS[1], ARGV[2], "PX", ARGV[3])
end`;

const maxUsersPerDelete = 250;

export function createSessionCache({
  redis,
  ttlS,
  appSessionKey,
  hasMappedProfile = false,
  hasOrganizations = false,
  tracing,
}: SessionCacheOptions): SessionCache {
  const form = hasMappedProfile ? mappedEntry : defaultEntry;
  const ownKey = (clerkId: string) => `rollcall:session:${clerkId}`;
  const keysOf = (clerkId: string) => [
    ownKey(clerkId),
    appSessionKey.replaceAll("{clerkId}", clerkId),
    ...(hasOrganizations ? [organizationsKey(clerkId)] : []),
  ];
  // Concurrent jobs finish together, so their keys are deleted with one command.
  const deletions = new DataLoader<{ clerkId: string; caller: Span | undefined }, undefined>(
    (calls) => {
      const clerkIds = calls.map(({ clerkId }) => clerkId);
      const callers = calls.map(({ caller }) => caller);
      return inSharedSpan(tracing, spans.delete, callers, () => deleteKeys(clerkIds));
    },
    { cache: false, maxBatchSize: maxUsersPerDelete, batchScheduleFn: setImmediate },
  );

  async function deleteKeys(clerkIds: readonly string[]): Promise<undefined[]> {
    const keys = clerkIds.flatMap(keysOf);
    // In a cluster each key may be in another slot, and one command may not span slots.
    await (redis instanceof Cluster ? Promise.all(keys.map((key) => redis.del(key))) : redis.del(keys));
    return clerkIds.map(() => undefined);
  }

  async function takeLease(clerkId: string): Promise<string | null> {
    const lease = `${leasePrefix}${randomUUID()}`;
    const taken = await inChildSpan(tracing, spans.lease, () =>
      redis.set(ownKey(clerkId), lease, "PX", leaseMs, "NX"),
    );
    return taken === "OK" ? lease : null;
  }

  async function takeLeaseOf(clerkId: string, outdated: string): Promise<string | null> {
    const lease = `${leasePrefix}${randomUUID()}`;
    const taken = await inChildSpan(tracing, spans.replace, () =>
      redis.eval(replaceScript, 1, ownKey(clerkId), outdated, lease, leaseMs),
    );
    return taken === "OK" ? lease : null;
  }

  return {
    read: async (clerkId, serverStart) => {
      try {
        const stored = await inChildSpan(tracing, spans.get, () => redis.get(ownKey(clerkId)));
        if (stored === null) return { miss: { lease: await takeLease(clerkId) } };
        const entry = stored.startsWith(leasePrefix) ? undefined : parseEntry(form, stored);
        if (!entry) return { miss: { lease: null } };
        const { serverStart: filledFrom, generation, ...hit } = entry;
        const isOutdated = serverStart !== undefined && filledFrom !== serverStart;
        if (isOutdated) return { miss: { lease: await takeLeaseOf(clerkId, stored) } };
        return { hit, generation };
      } catch {
        return { miss: { lease: null } };
      }
    },
    fill: async (clerkId, lease, { view: session, serverStart }) => {
      if (lease === null) return;
      const entry = { ...session, serverStart, ...(hasOrganizations && { generation: lease }) };
      await inChildSpan(tracing, spans.fill, () =>
        redis.eval(fillScript, 1, ownKey(clerkId), lease, JSON.stringify(entry), ttlS),
      ).catch(() => undefined);
    },
    invalidate: (clerkIds, options) => {
      const caller = tracing?.active();
      const deleteAll = () => Promise.all(clerkIds.map((clerkId) => deletions.load({ clerkId, caller })));
      return invalidateKeys(deleteAll, options);
    },
    organizations: hasOrganizations ? createOrganizationCache({ redis, ttlS, tracing }) : noOrganizationCache,
  };
}

function describeCommand<Name extends string>(command: Name) {
  const attributes = { "db.system.name": "redis", "db.operation.name": command };
  return { name: `${command} session cache`, kind: "client", attributes } as const satisfies SpanOptions;
}

const spans = {
  get: describeCommand("GET"),
  lease: describeCommand("SET"),
  fill: describeCommand("EVAL"),
  replace: describeCommand("EVAL"),
  delete: describeCommand("DEL"),
};

/** The version before knew no server. An entry that was made while organizations were off has no generation. */
type Entry = SessionView & { serverStart?: string | undefined; generation?: string | undefined };

const origin = { serverStart: z.string().optional(), generation: z.string().optional() };
const defaultEntry = defaultSessionView.extend(origin);
const mappedEntry = mappedSessionView.extend(origin);

/** An entry in the form of another version, or of another mapping, is a miss. */
function parseEntry(form: z.ZodType<Entry>, stored: string): Entry | undefined {
  try {
    return form.safeParse(JSON.parse(stored)).data;
  } catch {
    return undefined;
  }
}

/** Without Redis there is no cache: every read is a miss, and there is no key to delete. */
export const noSessionCache: SessionCache = {
  read: async () => ({ miss: { lease: null } }),
  fill: async () => undefined,
  invalidate: async () => undefined,
  organizations: noOrganizationCache,
};

/**
 * `reader`: each login waits for the cache, so a slow Redis is a miss, and the process leaves failed invalidations to
 * a worker. `writer`: it waits longer, because a key that outlives a change is a wrong answer.
 */
const connections = {
  reader: {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: 250,
    connectTimeout: 2_000,
  },
  writer: { maxRetriesPerRequest: 1, commandTimeout: 2_000 },
} as const;

/** Opens the session cache on its own connection, which `close` ends. It connects in the background. */
export function openSessionCache({
  redisNodes,
  connection,
  ...options
}: Omit<SessionCacheOptions, "redis"> & {
  /** Redis, or the nodes of a Redis Cluster; undefined without Redis, and then there is no cache. */
  redisNodes: readonly string[] | undefined;
  connection: keyof typeof connections;
}): SessionCache & { close(): void } {
  if (!redisNodes) return { ...noSessionCache, close: () => undefined };
  // Connection errors need no listener: reads turn them into misses, and invalidations report them.
  const redis = connectRedis(redisNodes, connections[connection], () => undefined);
  const stopWrites = stayOnPrimary(redis, "rollcall:session-write-check");
  return {
    ...createSessionCache({ redis, ...options }),
    close: () => {
      stopWrites();
      redis.disconnect();
    },
  };
}
