import { setTimeout as sleep } from "node:timers/promises";
import { type PostgresServer, startPostgres } from "@rollcall/local-services";
import type { Say } from "./part.ts";

export type EmbeddedPostgres = {
  url: string;
  stop(): Promise<void>;
  kill(): void;
};

const checkEveryMs = 1_000;
const retryMs = 3_000;

/** Starts the embedded Postgres. If it ends, starts it again on the same port. */
export async function startEmbeddedPostgres(dataDir: string, say: Say): Promise<EmbeddedPostgres> {
  let server = await startPostgres({ dataDir, onProgress: say });
  const { url, port } = server;
  const stopping = new AbortController();
  const watching = watch().catch(() => undefined);

  async function watch(): Promise<void> {
    while (!stopping.signal.aborted) {
      await sleep(checkEveryMs, undefined, { signal: stopping.signal });
      if (!isRunning(server)) await startAgain();
    }
  }

  async function startAgain(): Promise<void> {
    say("Postgres has ended: starting it again");
    try {
      server = await startPostgres({ dataDir, port });
      say("Postgres is back");
    } catch (error) {
      say(`Postgres does not start, trying again in ${retryMs / 1_000} s: ${String(error)}`);
      await sleep(retryMs, undefined, { signal: stopping.signal });
    }
  }

  return {
    url,
    stop: async () => {
      stopping.abort();
      await watching;
      await server.stop();
    },
    kill: () => {
      stopping.abort();
      // An immediate stop without waiting, because this process is about to end. Postgres recovers at its next start.
      if (isRunning(server)) process.kill(server.pid, "SIGQUIT");
    },
  };
}

function isRunning({ pid }: PostgresServer): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: the process is alive, under another account.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
