import { randomUUID } from "node:crypto";
import { type OrganizationView, organizationView } from "@rollcall/contracts";
import { inChildSpan, type SpanOptions, type Tracing } from "@rollcall/observability";
import { Cluster, type Redis } from "ioredis";
import { z } from "zod";
import { invalidateKeys, type OnInvalidationFailure } from "./invalidation.ts";

/** The organization and the user of a membership. */
export type Pair = { clerkOrgId: string; clerkId: string };

/** An organization as a member sees it, and when the server that has the rows began: see `findActiveOrganization`. */
export type CachedOrganization = { view: OrganizationView; serverStart: string };

/** The result of a read: the entry, and the generation of the organization that it must be of. */
export type OrganizationRead = { entry: Entry | undefined; generation: string | null };

/**
 * Organizations as their members see them, for logins.
 *
 * An entry is valid while the user's entry in the session cache and the organization's generation are those that it was
 * filled with. So whatever drops the user's entry ends the user's memberships here too, and a changed organization ends the
 * entries of all of its members with one key. A slow reader cannot restore either, so a fill needs no lease.
 */
export type OrganizationCache = {
  /** Never fails: while Redis is away, there is no entry and no generation. */
  read(pair: Pair): Promise<OrganizationRead>;
  /**
   * Never fails. It does nothing without both generations.
   *
   * @param of the generations, read before the rows
   */
  fill(
    pair: Pair,
    of: { user: string | null | undefined; organization: string | null },
    found: CachedOrganization,
  ): Promise<void>;
  /** Ends the entries of all members of organizations whose rows may have changed. See `SessionCache.invalidate`. */
  invalidate(clerkOrgIds: readonly string[], options: { onFailure: OnInvalidationFailure }): Promise<void>;
};

const storedEntry = z.object({
  view: organizationView,
  serverStart: z.string(),
  user: z.string(),
  organization: z.string(),
});

type Entry = z.infer<typeof storedEntry>;

/**
 * The organization of a read, if its entry is valid.
 *
 * @param user the generation of the user's entry
 * @param serverStart as in `SessionCache.read`
 */
export function findCurrent(
  { entry, generation }: OrganizationRead,
  user: string | undefined,
  serverStart: string | undefined,
): OrganizationView | undefined {
  if (!entry || entry.user !== user || entry.organization !== generation) return undefined;
  return serverStart === undefined || entry.serverStart === serverStart ? entry.view : undefined;
}

/** The key with a user's entries, one field for each organization. It is deleted with the user's key. */
export const organizationsKey = (clerkId: string): string => `rollcall:session-organizations:${clerkId}`;

const generationKey = (clerkOrgId: string) => `rollcall:organization:${clerkOrgId}`;

const fillScript = `
redis.call("hset", KEYS[1], ARGV[1], ARGV[2])
return redis.call("expire", KEYS[1], ARGV[3])`;

export function createOrganizationCache({
  redis,
  ttlS,
  tracing,
}: {
  redis: Redis | Cluster;
  ttlS: number;
  tracing?: Tracing | undefined;
}): OrganizationCache {
  async function readGeneration(clerkOrgId: string): Promise<string | null> {
    const key = generationKey(clerkOrgId);
    const present = await inChildSpan(tracing, spans.get, () => redis.get(key));
    if (present !== null) return present;
    const next = randomUUID();
    const taken = await inChildSpan(tracing, spans.begin, () => redis.set(key, next, "EX", ttlS, "NX"));
    return taken === "OK" ? next : null;
  }

  return {
    read: async ({ clerkOrgId, clerkId }) => {
      const key = organizationsKey(clerkId);
      try {
        const [stored, generation] = await Promise.all([
          inChildSpan(tracing, spans.hget, () => redis.hget(key, clerkOrgId)),
          readGeneration(clerkOrgId),
        ]);
        return { entry: stored === null ? undefined : parseEntry(stored), generation };
      } catch {
        return { entry: undefined, generation: null };
      }
    },
    fill: async ({ clerkOrgId, clerkId }, { user, organization }, found) => {
      if (user == null || organization === null) return;
      const entry = JSON.stringify({ ...found, user, organization } satisfies Entry);
      await inChildSpan(tracing, spans.fill, () =>
        redis.eval(fillScript, 1, organizationsKey(clerkId), clerkOrgId, entry, ttlS),
      ).catch(() => undefined);
    },
    invalidate: async (clerkOrgIds, options) => {
      const keys = clerkOrgIds.map(generationKey);
      if (keys.length === 0) return;
      await invalidateKeys(
        () =>
          inChildSpan(
            tracing,
            spans.delete,
            (): Promise<unknown> =>
              // In a cluster each key may be in another slot, and one command may not span slots.
              redis instanceof Cluster ? Promise.all(keys.map((key) => redis.del(key))) : redis.del(keys),
          ),
        options,
      );
    },
  };
}

/** An entry in the form of another version is none. */
function parseEntry(stored: string): Entry | undefined {
  try {
    return storedEntry.safeParse(JSON.parse(stored)).data;
  } catch {
    return undefined;
  }
}

function describeCommand<Name extends string>(command: Name) {
  const attributes = { "db.system.name": "redis", "db.operation.name": command };
  return { name: `${command} organization cache`, kind: "client", attributes } as const satisfies SpanOptions;
}

const spans = {
  get: describeCommand("GET"),
  hget: describeCommand("HGET"),
  begin: describeCommand("SET"),
  fill: describeCommand("EVAL"),
  delete: describeCommand("DEL"),
};

/** Without Redis there is no entry, and no key to delete. */
export const noOrganizationCache: OrganizationCache = {
  read: async () => ({ entry: undefined, generation: null }),
  fill: async () => undefined,
  invalidate: async () => undefined,
};
