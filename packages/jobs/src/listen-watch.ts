import type pg from "pg";

/** Longest silence of a LISTEN connection; with the queries' own timeout it bounds how long a worker is deaf. */
const beatMs = 5_000;

/**
 * Asks every connection that somebody keeps whether it still answers, and breaks one that does not.
 *
 * BullMQ holds one client per worker for LISTEN and says nothing on it for ever. When that connection is
 * half-open no query fails, and TCP keepalive notifications nothing where a proxy or a NAT goes on acknowledging:
 * the worker would poll only every `drainDelay`, which no login waits for, and not even that when the LISTEN
 * itself went unanswered. BullMQ replaces the client as soon as it emits `error`.
 */
export function watchListenClients(pool: pg.Pool): void {
  const beats = new Map<pg.PoolClient, NodeJS.Timeout>();
  pool.on("acquire", (client) => {
    const beat = setInterval(async () => {
      try {
        await client.query("select 1");
      } catch (error) {
        // Released meanwhile, it is the pool's again. Without a listener the event would end the process.
        if (beats.get(client) === beat && client.listenerCount("error") > 0) client.emit("error", error);
      }
    }, beatMs);
    beats.set(client, beat);
  });
  pool.on("release", (_error, client) => {
    clearInterval(beats.get(client));
    beats.delete(client);
  });
}
