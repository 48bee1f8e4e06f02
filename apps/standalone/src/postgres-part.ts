import { setTimeout as sleep } from "node:timers/promises";
import { type PostgresServer, startPostgres } from "@rollcall/local-services";
import type { Say } from "./say.ts";

export type PostgresPart = {
  url: string;
  stop(): Promise<void>;
  kill(): void;
};

const checkEveryMs = 1_000;
const retryMs = 3_000;

/** Starts the embedded Postgres and, should it die, starts it again where its clients look for it. */
export async function startPostgresPart(dataDir: string, say: Say): Promise<PostgresPart> {
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
      // Like an immediate stop, but without waiting: we are about to end. It recovers at its next start.
      if (isRunning(server)) process.kill(server.pid, "SIGQUIT");
    },
  };
}

function isRunning({ pid }: PostgresServer): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Under another account it may not be signalled, and lives.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
