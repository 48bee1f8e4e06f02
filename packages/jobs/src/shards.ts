import { crc32 } from "node:zlib";
import { mostQueueShards } from "@rollcall/contracts";
import type { QueueName, SyncQueueName } from "./queue-names.ts";

// The queues of sync jobs may be several of one name, each under a hash tag of its own, so that a Redis Cluster keeps
// them on several nodes. The other queues have few jobs and stay one: docs/adr/0016-queue-shards.md.

/** The number of a queue among those of its name, from 0. */
export type Shard = number;

/**
 * The hash tag of each shard. The first is the one of a system without shards. The others are chosen by their slots: of
 * the first n shards, each lies in another nth of a cluster's slots. So n shards use all of n nodes, and 2 n shards each
 * node twice, if the nodes share the slots evenly and in order, as they do after `redis-cli --cluster create`.
 */
export const hashTags = [
  "{rollcall}",
  "{rollcall-1.416}",
  "{rollcall-2.712}",
  "{rollcall-3.27}",
  "{rollcall-4.251}",
  "{rollcall-5.1039}",
  "{rollcall-6.238}",
  "{rollcall-7.144}",
  "{rollcall-8.167}",
  "{rollcall-9.1226}",
  "{rollcall-10.272}",
  "{rollcall-11.120}",
] as const;

/** @throws RangeError */
export function tagOf(shard: Shard): string {
  const tag = hashTags[shard];
  if (tag === undefined) throw new RangeError(`There are ${mostQueueShards} shards, and no shard ${shard}`);
  return tag;
}

/** The shard of a user's new jobs, so that jobs of one user merge. */
export function pickShard(clerkId: string, count: number): Shard {
  return count === 1 ? 0 : crc32(clerkId) % count;
}

const sharded: ReadonlySet<QueueName> = new Set<SyncQueueName>(["ensure", "sync"]);

export function isSharded(name: QueueName): name is SyncQueueName {
  return sharded.has(name);
}

/** The shards that exist: those of QUEUE_SHARDS, and all that ever had a job, under any number of shards. */
export type Shards = {
  /** New jobs go to the shards below this number. */
  readonly count: number;
  /** Every shard that exists. Rejects while it cannot be known. */
  list(): Promise<readonly Shard[]>;
  /** Calls `onShard` once for each shard: for those of `count` now, for others once they are found. @returns stops it */
  watch(onShard: (shard: Shard) => void): () => void;
};

/** Shards of a backend that has one queue of each name. */
export const oneShard: Shards = {
  count: 1,
  list: async () => [0],
  watch: (onShard) => {
    onShard(0);
    return () => undefined;
  },
};

const searchEveryMs = 1_000;

/**
 * Searches every second for shards that another process uses, or used under another QUEUE_SHARDS. So jobs that wait in a
 * shard are worked off, whatever QUEUE_SHARDS says now.
 *
 * @param findUsed the shards that ever had a job
 */
export function watchShards(
  count: number,
  findUsed: () => Promise<readonly Shard[]>,
): Shards & { close(): void } {
  const known = new Set(Array.from({ length: count }, (_, shard) => shard));
  const watchers = new Set<(shard: Shard) => void>();
  let searching: Promise<void> | undefined;
  let hasSearched = false;

  async function search(): Promise<void> {
    for (const shard of await findUsed()) {
      if (known.has(shard)) continue;
      known.add(shard);
      for (const onShard of watchers) onShard(shard);
    }
    hasSearched = true;
  }

  /** One search at a time: while the database hangs, they would pile up. */
  function searchOnce(): Promise<void> {
    searching ??= search().finally(() => {
      searching = undefined;
    });
    return searching;
  }

  const timer = setInterval(() => void searchOnce().catch(() => undefined), searchEveryMs);
  timer.unref();
  return {
    count,
    list: async () => {
      if (!hasSearched) await searchOnce();
      return [...known].sort((a, b) => a - b);
    },
    watch: (onShard) => {
      watchers.add(onShard);
      for (const shard of known) onShard(shard);
      return () => watchers.delete(onShard);
    },
    close: () => {
      clearInterval(timer);
      // A search may still be under way. What it finds must not be opened any more.
      watchers.clear();
    },
  };
}
