import { randomUUID } from "node:crypto";
import { recordWorker, removeWorker } from "@rollcall/db";
import type { WorkerContext } from "./context.ts";

const beatMs = 10_000;

/** Says every 10 s that this process works, so that the api can tell when nobody does. @returns stops it */
export function startHeartbeat({ pool }: WorkerContext): () => Promise<void> {
  const id = randomUUID();
  const beat = () => recordWorker(pool, id).catch(() => undefined);
  const timer = setInterval(beat, beatMs);
  void beat();
  return async () => {
    clearInterval(timer);
    await removeWorker(pool, id).catch(() => undefined);
  };
}
