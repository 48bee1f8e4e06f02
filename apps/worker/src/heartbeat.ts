import { randomUUID } from "node:crypto";
import { recordWorker, removeWorker } from "@rollcall/db";
import type { WorkerContext } from "./context.ts";

const beatMs = 10_000;
/** After a failed beat: once Postgres is back, nobody should wait to hear that there is a worker. */
const retryMs = 1_000;

/** Says every 10 s that this process works, so that the api can tell when nobody does. @returns stops it */
export function startHeartbeat({ pool }: WorkerContext): () => Promise<void> {
  const id = randomUUID();
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  async function beat(): Promise<void> {
    const delayMs = await recordWorker(pool, id).then(
      () => beatMs,
      () => retryMs,
    );
    if (!stopped) timer = setTimeout(beat, delayMs);
  }

  void beat();
  return async () => {
    stopped = true;
    clearTimeout(timer);
    await removeWorker(pool, id).catch(() => undefined);
  };
}
