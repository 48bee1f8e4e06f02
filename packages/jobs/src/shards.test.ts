import { mostQueueShards } from "@rollcall/contracts";
import { expect, test } from "vitest";
import { hashTags, pickShard, tagOf, watchShards } from "./shards.ts";

const slots = 16_384;

/** The slot of a key, as the specification of Redis Cluster has it: CRC16 (XMODEM) of the hash tag. */
function slotOf(tag: string): number {
  let crc = 0;
  for (const byte of Buffer.from(tag.slice(1, -1))) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xffff;
  }
  return crc % slots;
}

test("a system without shards keeps its keys", () => {
  expect(pickShard("user_2abc", 1)).toBe(0);
  expect(tagOf(0)).toBe("{rollcall}");
  expect(hashTags).toHaveLength(mostQueueShards);
  expect(() => tagOf(mostQueueShards)).toThrow(RangeError);
});

test.each(hashTags.map((_, index) => index + 1))(
  "%i shards use each node of a cluster of as many",
  (count) => {
    const nodes = hashTags.slice(0, count).map((tag) => Math.floor((slotOf(tag) * count) / slots));
    expect(new Set(nodes).size).toBe(count);
  },
);

test("users spread over all shards alike", () => {
  const ids = Array.from({ length: 12_000 }, (_, index) => `user_2${index.toString(36).padStart(26, "x")}`);
  for (const count of [2, 3, 4, 12]) {
    const users = new Map<number, number>();
    for (const id of ids) {
      const shard = pickShard(id, count);
      users.set(shard, (users.get(shard) ?? 0) + 1);
    }
    expect([...users.keys()].sort((a, b) => a - b)).toEqual(
      Array.from({ length: count }, (_, shard) => shard),
    );
    expect(Math.min(...users.values())).toBeGreaterThan((0.8 * ids.length) / count);
  }
});

test("a shard that a search finds during the close is not opened", async () => {
  let answer = (_: readonly number[]) => {};
  const shards = watchShards(1, () => new Promise((resolve) => (answer = resolve)));
  const opened: number[] = [];
  shards.watch((shard) => opened.push(shard));
  const listed = shards.list();
  shards.close();
  answer([0, 1]);
  await listed;
  expect(opened).toEqual([0]);
});
