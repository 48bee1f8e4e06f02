import { isOutage } from "@rollcall/contracts";
import { isRerunnable } from "./errors.ts";
import type { Queryable } from "./pool.ts";

/** Processes the items together. `depth` counts the halvings before this attempt. */
type Attempt<Item, Result> = (items: readonly Item[], depth: number) => Promise<Result>;

/** The result of an item that fails alone. */
type Refusal<Item, Result> = (item: Item, error: unknown) => Result;

/**
 * Runs `attempt` over all items. If it fails, each half is tried on its own, until the failing items are alone. One
 * poisoned item then costs the others nothing.
 *
 * @returns the results of the parts, in the order of the items
 * @throws the error of an outage, which would fail every item
 */
export function splitOnRefusal<Item, Result>(
  items: readonly Item[],
  attempt: Attempt<Item, Result>,
  refuse: Refusal<Item, Result>,
): Promise<Result[]> {
  return split(items, attempt, refuse, isOutage, 0);
}

/**
 * Does the same inside the open transaction of `db`: each attempt runs in a savepoint, which a failure rolls back.
 *
 * @throws also a deadlock or a serialization failure, because the whole transaction must run again
 */
export function splitInSavepoints<Item, Result>(
  db: Queryable,
  items: readonly Item[],
  attempt: Attempt<Item, Result>,
  refuse: Refusal<Item, Result>,
): Promise<Result[]> {
  const attemptInSavepoint: Attempt<Item, Result> = async (part, depth) => {
    await db.query("savepoint attempt");
    try {
      const result = await attempt(part, depth);
      await db.query("release savepoint attempt");
      return result;
    } catch (error) {
      if (!endsTransaction(error)) await db.query("rollback to savepoint attempt");
      throw error;
    }
  };
  return split(items, attemptInSavepoint, refuse, endsTransaction, 0);
}

function endsTransaction(error: unknown): boolean {
  return isOutage(error) || isRerunnable(error);
}

async function split<Item, Result>(
  items: readonly Item[],
  attempt: Attempt<Item, Result>,
  refuse: Refusal<Item, Result>,
  isFatal: (error: unknown) => boolean,
  depth: number,
): Promise<Result[]> {
  try {
    return [await attempt(items, depth)];
  } catch (error) {
    const [first] = items;
    if (isFatal(error) || first === undefined) throw error;
    if (items.length === 1) return [refuse(first, error)];
  }
  const middle = Math.ceil(items.length / 2);
  const before = await split(items.slice(0, middle), attempt, refuse, isFatal, depth + 1);
  return [...before, ...(await split(items.slice(middle), attempt, refuse, isFatal, depth + 1))];
}
