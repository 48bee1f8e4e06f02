import { AppError } from "@rollcall/contracts";
import { type ReconcileContext, requestRun, runReconcile } from "@rollcall/sync";
import { inject } from "vitest";
import { openReconcileStage, type ReconcileStage } from "./reconcile-stage.ts";
import type { Replica } from "./replay.ts";
import type { ModelStep } from "./spin.ts";
import { SteppedLanes } from "./stepped-lanes.ts";
import { type Sent, stopStatements } from "./stop-statements.ts";
import { testModel } from "./test-model.ts";

const firstMs = 1_700_000_000_000;
const stepMs = 1_000;
/** The last moment of range 0: users 0 and 1 were created by then, and users 2 and 3 later. */
const cutMs = firstMs + stepMs;
const ghost = "user_gone";

const position = { after: null, tiedIds: [], tiedSeen: 0, skipped: 0, cursorIgnored: false };
const cutInTwo = {
  phase: "walk",
  ranges: [
    { afterMs: null, untilMs: cutMs, position, firstRank: 0, endRank: 2, seen: 0 },
    { afterMs: cutMs, untilMs: null, position, firstRank: 2, endRank: 4, seen: 0 },
  ],
  pages: 0,
  total: 4,
  seen: 0,
  sentinel: null,
};

/** Stops of a lane, by their numbers in the model. */
const stopNames: Readonly<Record<number, string>> = { 1: "write", 2: "store", 5: "fetch" };

type Query = Parameters<ReconcileContext["clerk"]["listUsers"]>[0];

type Checkpoint = {
  phase: string;
  ranges: { untilMs: number | null; position: { after: { clerkId: string } | null } }[];
};

/** Stored pages of both ranges. A range that is walked is left out of the checkpoint, but the last one. */
function readPlaces({ ranges }: Checkpoint, users: readonly string[]): [number, number] {
  const behind = (range: Checkpoint["ranges"][number] | undefined) =>
    1 + users.indexOf(range?.position.after?.clerkId ?? "");
  const [first, last] = [ranges.find(({ untilMs }) => untilMs === cutMs), ranges.at(-1)];
  return [first ? behind(first) : 3, Math.max(0, behind(last) - 2)];
}

/**
 * Clerk's list, one user on a page: a larger page counts as too large. Each lane stops before its first request.
 *
 * @param laneOf the lane that sends a request
 */
function listOneByOne(
  clerk: ReconcileContext["clerk"],
  lanes: SteppedLanes,
  laneOf: (query: Query) => number,
): { clerk: ReconcileContext["clerk"]; restart(): void } {
  const begun = new Set<number>();
  const listUsers: typeof clerk.listUsers = async (query, beforeParse) => {
    lanes.assertAlive();
    if (query.limit > 1) throw new AppError("clerk.too_large", "The model has one user on a page");
    const lane = laneOf(query);
    if (!begun.has(lane)) {
      begun.add(lane);
      await lanes.stop(`fetch ${lane}`);
    }
    let answered: () => void = () => undefined;
    const answer = new Promise<void>((resolve) => {
      answered = resolve;
    });
    const page = clerk.listUsers(query, async () => {
      answered();
      // A page waits here for its turn, which comes from another step of the lane.
      await beforeParse?.();
    });
    await lanes.track(Promise.race([answer, page]));
    return page;
  };
  return { clerk: { ...clerk, listUsers }, restart: () => begun.clear() };
}

async function createReplica(
  { pool, context }: ReconcileStage,
  users: readonly string[],
): Promise<Replica & { end(): Promise<void> }> {
  await pool.query(
    `delete from users; delete from rollcall.deletion_candidates; delete from rollcall.runs;
     delete from rollcall.leases; delete from rollcall.events`,
  );
  await pool.query("insert into users (clerk_id, clerk_created_at) values ($1, to_timestamp($2))", [
    ghost,
    (cutMs - stepMs / 2) / 1_000,
  ]);
  const { run } = await requestRun(context, { mode: "full", dryRun: false }, { program: "test" });
  await pool.query("update rollcall.runs set state = 'running', started_at = now(), checkpoint = $1", [
    JSON.stringify(cutInTwo),
  ]);

  async function readCheckpoint(): Promise<Checkpoint> {
    return (await pool.query("select checkpoint from rollcall.runs")).rows[0].checkpoint;
  }

  const lanes = new SteppedLanes();
  /** The ranges as they were stored last, and as the open store has them. */
  let stored: [number, number] = [0, 0];
  let next = stored;
  const nameStop = ({ statement, values }: Sent): string | undefined => {
    if (statement.startsWith("apply-snapshots")) {
      const user = users.findIndex((id) => values.some((list) => Array.isArray(list) && list.includes(id)));
      return `write ${user < 2 ? 0 : 1}`;
    }
    if (!/^advance-(fenced-)?run$/.test(statement)) return undefined;
    const checkpoint: Checkpoint = JSON.parse(String(values[1]));
    if (checkpoint.phase !== "walk") return "next phase";
    next = readPlaces(checkpoint, users);
    return `store ${next[0] === stored[0] ? 1 : 0}`;
  };
  const { clerk, restart } = listOneByOne(context.clerk, lanes, ({ startingAfter, createdAfterMs }) => {
    const isLater = startingAfter === undefined ? createdAfterMs === cutMs : users.indexOf(startingAfter) > 1;
    return Number(isLater);
  });
  const own: ReconcileContext = {
    ...context,
    pool: stopStatements(pool, lanes, nameStop),
    clerk,
    concurrency: 2,
    smallestPart: 1_000,
  };

  /** Comes to the next stops. A lane that is at none waits for the other one's store, or has walked its range. */
  async function arrive({ after }: ModelStep): Promise<void> {
    const stops = await lanes.settle();
    const expected = [0, 1].flatMap((lane) => {
      const stop = stopNames[after[`stop${lane}`] ?? 0];
      return stop === undefined ? [] : [`${stop} ${lane}`];
    });
    if (after["over"]) expected.push("next phase");
    if (stops.join() !== expected.sort().join())
      throw new Error(`Lanes are at ${stops.join(", ") || "no stop"}`);
  }

  const proceed = (stop: string) => async (lane: number, step: ModelStep) => {
    lanes.proceed(`${stop} ${lane}`);
    await arrive(step);
  };

  return {
    steps: {
      start: async (_, step) => {
        await pool.query("update rollcall.leases set expires_at = '-infinity'");
        stored = readPlaces(await readCheckpoint(), users);
        restart();
        lanes.begin(() => runReconcile(own, run.id));
        await arrive(step);
      },
      fetch: proceed("fetch"),
      write: proceed("write"),
      store: (lane, step) => {
        stored = next;
        return proceed("store")(lane, step);
      },
      die: async () => {
        await lanes.die();
        // The server ends the transaction of a closed connection a moment later.
        await pool.query("select from rollcall.leases for update");
      },
    },
    observe: async () => {
      const { rows } = await pool.query(
        `select seen, array(select clerk_id from users) as users,
                array(select clerk_id from rollcall.deletion_candidates) as candidates
         from rollcall.runs`,
      );
      const [stored0, stored1] = readPlaces(await readCheckpoint(), users);
      const hasRow = users.map((id) => Number(rows[0].users.includes(id)));
      if (rows[0].candidates.some((id: string) => id !== ghost)) throw new Error("A user is a candidate");
      return {
        stored0,
        stored1,
        seen: rows[0].seen,
        candidate: rows[0].candidates.length,
        ...Object.fromEntries(hasRow.map((value, user) => [`row${user}`, value])),
      };
    },
    end: () => lanes.die(),
  };
}

testModel({
  model: "range-checkpoints",
  bugs: ["STORE_BEFORE_WRITE", "STALE_PLACES"],
  situation: ["lane0", "lane1", "stored0"],
  open: async () => {
    const stage = await openReconcileStage(inject("postgresUrl"));
    await stage.clerk.users.seed(4, { firstCreatedAtMs: firstMs, stepMs });
    const users = (await stage.clerk.users.list())
      .toSorted((a, b) => a.created_at - b.created_at)
      .map(({ id }) => id);
    return { create: () => createReplica(stage, users), close: stage.close };
  },
});
