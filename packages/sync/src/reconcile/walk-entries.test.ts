import fc from "fast-check";
import { expect, test } from "vitest";
import { type EntryList, entryStart, fetchEntries } from "./walk-entries.ts";

type Entry = { id: string; createdAtMs: number };

const pageSize = 120;

/** Changes between two answers: entries that go from a place on, new ones, and imports with an old time. */
const churn = fc.record({
  at: fc.nat(400),
  gone: fc.oneof({ weight: 3, arbitrary: fc.nat(3) }, fc.nat(250)),
  made: fc.nat(5),
  imported: fc.nat(3),
});

function startList(
  size: number,
  tied: number,
  changes: readonly (typeof churn extends fc.Arbitrary<infer T> ? T : never)[],
) {
  const entries: Entry[] = Array.from({ length: size }, (_, index) => ({
    id: `org_${index}`,
    createdAtMs: Math.floor(index / tied) * 10,
  }));
  const stayed = new Set(entries.map(({ id }) => id));
  let made = 0;
  let requests = 0;
  function change(): void {
    const next = changes[requests++ - 1];
    if (!next) return;
    for (const { id } of entries.splice(next.at, next.gone)) stayed.delete(id);
    for (let i = 0; i < next.made; i++)
      entries.push({ id: `org_new_${made++}`, createdAtMs: 1_000_000 + made });
    for (let i = 0; i < next.imported; i++) entries.push({ id: `org_old_${made++}`, createdAtMs: next.at });
    entries.sort((a, b) => a.createdAtMs - b.createdAtMs);
  }
  const list: EntryList<Entry> = {
    name: "organizations",
    describe: (entry) => entry,
    list: async (offset) => {
      change();
      const page = entries.slice(offset, offset + pageSize);
      return { entries: page, totalCount: entries.length, isShort: page.length < pageSize };
    },
  };
  return { list, stayed };
}

test("no entry that stays is missed, and none is counted twice, while others come and go between pages", async () => {
  const sizes = fc.integer({ min: 0, max: 900 });
  const ties = fc.constantFrom(1, 1, 7, 60);
  await fc.assert(
    fc.asyncProperty(sizes, ties, fc.array(churn, { maxLength: 25 }), async (size, tied, changes) => {
      const { list, stayed } = startList(size, tied, changes);
      const visited = new Set<string>();
      let position = entryStart;
      for (let isLast = false; !isLast; ) {
        const page = await fetchEntries(list, position);
        for (const { id } of page.entries) visited.add(id);
        ({ next: position, isLast } = page);
      }
      expect([...stayed].filter((id) => !visited.has(id))).toEqual([]);
      expect(position.seen).toBeLessThanOrEqual(visited.size);
    }),
    { numRuns: 500 },
  );
});
