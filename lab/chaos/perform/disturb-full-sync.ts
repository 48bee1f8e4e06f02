import { open } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { waitFor } from "../../../tests/harness/wait-for.ts";
import type { FullSyncTrouble } from "../plan/plan.ts";
import type { Stage } from "../stage/stage.ts";
import type { SupervisedProcess } from "../stage/supervised-process.ts";
import { requestNewRun, untilRun } from "./ops.ts";

/** Long enough for something to happen between two of a sweep's requests. */
const answersAfterMs = 800;
const startsWithinMs = 10_000;

/** Orders a full sweep and has something happen on its way. Returns when that is undone. */
export async function disturbFullSync(
  stage: Stage,
  meanwhile: FullSyncTrouble,
  forMs: number,
): Promise<void> {
  const { faults } = stage.clerk;
  const undo: number[] = [];
  try {
    undo.push(await faults.add({ kind: "latency", ms: answersAfterMs, method: "GET", path: "/v1/users" }));
    if (meanwhile === "empty-list" || meanwhile === "short-list")
      undo.push(await faults.add({ kind: meanwhile }));
    const runId = await requestNewRun(stage, "full");
    if (meanwhile !== "kill" && meanwhile !== "freeze") {
      await untilRun(stage, runId, ({ finishedAt }) => finishedAt !== null, forMs).catch(() => undefined);
      return;
    }
    const { worker, atMs } = await untilStarted(stage, runId, startsWithinMs);
    if (meanwhile === "kill") return await worker.kill(forMs);
    await worker.freeze(untilStarted(stage, runId, forMs, { worker, atMs }));
    // It wakes next to the one that took over.
    await sleep(2 * answersAfterMs);
  } finally {
    for (const id of undo) await faults.remove(id);
  }
}

type Start = { worker: SupervisedProcess; atMs: number };

/** Resolves when a worker says that it is at work on a run; with `former`, when another than that one does. */
function untilStarted(stage: Stage, runId: number, timeoutMs: number, former?: Start): Promise<Start> {
  const { worker0, worker1 } = stage.processes;
  const newest = async () => {
    const starts = await Promise.all([worker0, worker1].map((worker) => readStarts(worker, runId)));
    return starts
      .flat()
      .filter(({ worker, atMs }) => !former || (worker !== former.worker && atMs > former.atMs))
      .sort((a, b) => a.atMs - b.atMs)
      .at(-1);
  };
  return waitFor(`somebody at work on run ${runId}`, newest, timeoutMs);
}

const line = z.object({ event: z.literal("reconcile_started"), runId: z.number(), time: z.number() });

async function readStarts(worker: SupervisedProcess, runId: number): Promise<Start[]> {
  const file = await open(worker.logFile);
  try {
    const starts: Start[] = [];
    for await (const text of file.readLines()) {
      if (!text.includes('"reconcile_started"')) continue;
      const { success, data } = line.safeParse(JSON.parse(text));
      if (success && data.runId === runId) starts.push({ worker, atMs: data.time });
    }
    return starts;
  } finally {
    await file.close();
  }
}
