import { expect, test } from "vitest";
import { createTurns } from "./turns.ts";

/** Adds pieces of work, each of which ends at the next turn of the event loop, and lists them in the order they ran. */
async function runAll(pieces: readonly (readonly [lane: string, caller: string])[]): Promise<string[]> {
  const turns = createTurns();
  const order: string[] = [];
  let running = 0;
  await Promise.all(
    pieces.map(([lane, caller]) =>
      turns.take(lane, caller, async () => {
        running++;
        order.push(`${lane}${caller}`);
        await new Promise(setImmediate);
        expect(running--).toBe(1);
      }),
    ),
  );
  return order;
}

test("one piece runs at a time, in the order of one caller", async () => {
  expect(
    await runAll([
      ["a", "1"],
      ["a", "1"],
      ["a", "1"],
    ]),
  ).toEqual(["a1", "a1", "a1"]);
});

test("another lane waits for one piece, however many a caller added", async () => {
  const flood = Array.from({ length: 100 }, () => ["a", "1"] as const);
  expect((await runAll([...flood, ["b", "2"]])).indexOf("b2")).toBeLessThanOrEqual(2);
});

test("another caller of the same lane waits for one piece of each caller", async () => {
  const flood = Array.from({ length: 100 }, (_, piece) => ["a", String(piece % 2)] as const);
  expect((await runAll([...flood, ["a", "own"]])).indexOf("aown")).toBeLessThanOrEqual(3);
});

test("a piece that fails fails its own caller alone", async () => {
  const turns = createTurns();
  const failing = turns.take("a", "1", async () => Promise.reject(new Error("broken")));
  const next = turns.take("a", "1", async () => "done");
  await expect(failing).rejects.toThrow("broken");
  expect(await next).toBe("done");
  expect(await turns.take("a", "1", async () => "again")).toBe("again");
});
