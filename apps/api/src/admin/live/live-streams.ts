import { once } from "node:events";
import { Readable, type Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { AppError, type LiveEventData, type LiveEventName, withTimeout } from "@rollcall/contracts";
import { findOpenAdminSessions, hasMoreEvents, listEventsBetween, readNewestEventId } from "@rollcall/db";
import type { Services } from "@rollcall/runtime";
import { createChangeTopics } from "./change-topics.ts";
import { type EventFeed, eventsPerPage, type FeedBatch, mostBehind, startEventFeed } from "./event-feed.ts";

export type LiveStreams = {
  /**
   * Opens a stream.
   *
   * @param wish.after the last event that the caller has; undefined to begin with the next one
   * @throws AppError `request.rate_limited` when this process has no room for another stream
   */
  open(wish: StreamWish): Readable;
  /** Ends all streams. @returns after a second at most, also when callers do not read */
  close(): Promise<void>;
};

export type StreamWish = {
  after: number | undefined;
  operator: string;
  sessionId: number | null;
  /** Takes the stream. It is destroyed when its caller does not read. */
  response: Writable;
};

type Client = StreamWish & {
  stream: Readable;
  /** waiting: the feed has no position yet. replaying: it reads what it missed. live: it gets each batch. */
  state: "waiting" | "replaying" | "live";
  /** It has every event up to this id. */
  lastId: number;
  /** Since when too many bytes wait for the caller. */
  fullSinceMs: number | undefined;
  /** Called when the caller has read so much that there is room for more. */
  onRoom: () => void;
};

const mostStreams = 200;
/** Of one session, or of one account without a session. The oldest stream makes room: its connection may be dead. */
const mostOfSession = 8;
/**
 * A reader that is behind by more bytes for so long is disconnected, and at once if it is behind by far more. With
 * `Last-Event-ID` it resumes where it was.
 */
const mostBufferedBytes = 262_144;
const farTooManyBytes = 8_388_608;
const longestDrainMs = 10_000;
const heartbeatMs = 10_000;
const sessionCheckMs = 5_000;
const retryMs = 1_000;
const longestGoodbyeMs = 1_000;
/** Callers reconnect after so long, and not all at once. */
const reconnectMs = { least: 1_000, spread: 2_000 };

/** The server-sent events of `GET live`. One feed serves all streams, and runs only while there is one. */
export function createLiveStreams(
  context: Pick<Services, "pool" | "backend" | "log" | "metrics" | "tracing">,
): LiveStreams {
  const { pool, log, tracing } = context;
  const clients = new Set<Client>();
  let running: { feed: EventFeed; hasCompared: boolean; stop(): Promise<void> } | undefined;

  function run(): NonNullable<typeof running> {
    const topics = createChangeTopics(context);
    let postgres = "up";
    // Until then a change would go unnoticed that a page has not read.
    void topics.compare().then(() => {
      started.hasCompared = true;
      joinWaiting();
    });
    const feed = startEventFeed(context, {
      onBatch: (batch) => {
        if (batch.kind === "events") topics.note(batch.events);
        deliver(batch);
      },
      onTurn: () => {
        joinWaiting();
        if (feed.state().postgres !== postgres) {
          topics.noteTopic("overview");
          broadcast(formatHeartbeat(feed));
        }
        postgres = feed.state().postgres;
        void topics.compare();
        const due = topics.take();
        if (due.length > 0) broadcast(format("changed", { topics: due }));
      },
    });
    const timers = [
      setInterval(() => broadcast(formatHeartbeat(feed)), heartbeatMs),
      setInterval(
        () => void endSessions().catch((err: unknown) => log.debug({ err }, "Sessions not read")),
        sessionCheckMs,
      ),
    ];
    const started = {
      feed,
      hasCompared: false,
      stop: async () => {
        for (const timer of timers) clearInterval(timer);
        await feed.stop();
      },
    };
    return started;
  }

  function broadcast(text: string): void {
    const bytes = Buffer.from(text);
    for (const client of clients) send(client, bytes);
  }

  function deliver(batch: FeedBatch): void {
    if (batch.kind === "gap") {
      leaveOut(batch.gap);
      return;
    }
    const [first, last] = [batch.events[0]?.id ?? 0, batch.events.at(-1)?.id ?? 0];
    const text = Buffer.from(batch.events.map(formatEvent).join(""));
    for (const client of clients) {
      if (client.state !== "live") continue;
      // A caller that comes from another process may be ahead of this one.
      if (client.lastId < first) send(client, text);
      else
        send(
          client,
          batch.events
            .filter(({ id }) => id > client.lastId)
            .map(formatEvent)
            .join(""),
        );
      client.lastId = Math.max(client.lastId, last);
    }
  }

  function leaveOut(gap: LiveEventData["gap"]): void {
    for (const client of clients) {
      if (client.state === "waiting") continue;
      // A caller that still reads older events gets to the left-out ones by itself, except for late ones.
      if (client.state === "replaying" && gap.reason !== "late" && client.lastId <= gap.toId) continue;
      client.lastId = client.state === "live" ? gap.toId : Math.min(client.lastId, gap.toId);
      send(client, format("gap", gap, client.lastId));
    }
  }

  function joinWaiting(): void {
    for (const client of clients) if (client.state === "waiting") join(client);
  }

  /** Begins to send events, once the feed has a position. */
  function join(client: Client): void {
    const position = running?.feed.state().position;
    if (position === undefined || !running?.hasCompared) return;
    client.lastId = client.after ?? position;
    send(client, format("opened", { at: new Date().toISOString(), lastId: client.lastId }, client.lastId));
    client.state = "replaying";
    void replay(client);
  }

  /** Sends what the caller missed, a page at a time, and then hands it over to the feed without a gap. */
  async function replay(client: Client): Promise<void> {
    while (clients.has(client)) {
      const position = running?.feed.state().position ?? 0;
      if (client.lastId > position && (await isUnknown(client.lastId))) {
        client.lastId = position;
        send(client, format("gap", { fromId: 0, toId: position, reason: "far_behind" }, position));
        continue;
      }
      if (client.lastId >= (running?.feed.state().position ?? 0)) {
        client.state = "live";
        return;
      }
      const range = { afterId: client.lastId, upToId: position };
      const found = await readPage(client, range);
      if (!clients.has(client)) return;
      if (found === "far_behind") {
        client.lastId = position;
        send(client, format("gap", { fromId: range.afterId + 1, toId: position, reason: found }, position));
        continue;
      }
      client.lastId = found.length < eventsPerPage ? position : (found.at(-1)?.id ?? position);
      send(client, found.map(formatEvent).join(""));
      await untilDrained(client);
    }
  }

  /** While Postgres is away, the stream stays and its heartbeat says so. */
  async function readPage(client: Client, range: { afterId: number; upToId: number }) {
    while (clients.has(client)) {
      try {
        if (await hasMoreEvents(pool, { ...range, count: mostBehind })) return "far_behind";
        return await listEventsBetween(pool, { ...range, limit: eventsPerPage });
      } catch {
        await sleep(retryMs);
      }
    }
    return [];
  }

  /** Whether no event has this id, because Postgres lost events. Another process may know newer events than this feed. */
  async function isUnknown(id: number): Promise<boolean> {
    return readNewestEventId(pool).then(
      (newestId) => id > newestId,
      () => false,
    );
  }

  async function untilDrained(client: Client): Promise<void> {
    const { stream } = client;
    if (stream.readableLength < stream.readableHighWaterMark) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        end(client, "slow");
        resolve();
      }, longestDrainMs);
      client.onRoom = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  function send(client: Client, text: string | Buffer): void {
    if (text.length === 0) return;
    client.stream.push(text);
    const waiting = client.stream.readableLength;
    if (waiting > mostBufferedBytes) client.fullSinceMs ??= performance.now();
    const isStuck = performance.now() - (client.fullSinceMs ?? performance.now()) > longestDrainMs;
    if (isStuck || waiting > farTooManyBytes) end(client, "slow");
  }

  function end(client: Client, reason: LiveEventData["end"]["reason"]): void {
    if (!clients.has(client)) return;
    forget(client);
    if (reason === "slow") {
      client.response.destroy();
      return;
    }
    client.stream.push(format("end", { reason }));
    client.stream.push(null);
    setTimeout(() => client.response.destroy(), longestGoodbyeMs).unref();
  }

  function forget(client: Client): void {
    clients.delete(client);
    client.onRoom();
    if (clients.size > 0) return;
    void running?.stop();
    running = undefined;
  }

  async function endSessions(): Promise<void> {
    const sessionIds = [...new Set([...clients].flatMap(({ sessionId }) => sessionId ?? []))];
    if (sessionIds.length === 0) return;
    const open = await findOpenAdminSessions(pool, sessionIds);
    for (const client of clients) {
      const { sessionId } = client;
      // A stream that was opened meanwhile was not asked about.
      if (sessionId !== null && sessionIds.includes(sessionId) && !open.has(sessionId))
        end(client, "session");
    }
  }

  function makeRoom(wish: StreamWish): void {
    const own = [...clients].filter(({ sessionId, operator }) =>
      wish.sessionId === null
        ? sessionId === null && operator === wish.operator
        : sessionId === wish.sessionId,
    );
    const [oldest] = own;
    if (oldest && own.length >= mostOfSession) end(oldest, "replaced");
    if (clients.size < mostStreams) return;
    throw new AppError("request.rate_limited", "Too many live streams are open", {
      retryAfterMs: heartbeatMs,
      hint: `this api has ${mostStreams} open streams: close pages that are not needed`,
    });
  }

  return {
    open: (wish) => {
      makeRoom(wish);
      const stream = new Readable({
        read: () => {
          client.fullSinceMs = undefined;
          client.onRoom();
        },
      });
      const client: Client = {
        ...wish,
        ...{ stream, state: "waiting", lastId: 0, fullSinceMs: undefined, onRoom: () => undefined },
      };
      clients.add(client);
      stream.once("close", () => forget(client));
      // The feed outlives this request, so its statements are none of the request's trace.
      running ??= tracing ? tracing.run(undefined, run) : run();
      const { least, spread } = reconnectMs;
      stream.push(`retry: ${least + Math.floor(Math.random() * spread)}\n\n`);
      send(client, formatHeartbeat(running.feed));
      join(client);
      return stream;
    },
    close: async () => {
      const all = [...clients];
      const closed = all.map(({ response }) => once(response, "close"));
      for (const client of all) end(client, "stopping");
      // `end` destroys a response whose caller does not read, a moment before this limit.
      await withTimeout(Promise.allSettled(closed), longestGoodbyeMs + 100).catch(() => undefined);
    },
  };
}

function format<Name extends LiveEventName>(name: Name, data: LiveEventData[Name], id?: number): string {
  return `${id === undefined ? "" : `id: ${id}\n`}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}

function formatEvent(event: LiveEventData["activity"]): string {
  return format("activity", event, event.id);
}

function formatHeartbeat(feed: EventFeed): string {
  const { lagMs, postgres } = feed.state();
  return format("heartbeat", { at: new Date().toISOString(), lagMs, postgres });
}
