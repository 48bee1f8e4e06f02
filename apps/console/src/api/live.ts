import type { ActivityView, LiveEventData } from "@rollcall/contracts";
import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useEffect, useSyncExternalStore } from "react";
import { retryNow, type Topic } from "./queries.ts";
import { addressOf, getSession, reportUnauthenticated } from "./request.ts";

/**
 * connecting: no event arrived yet. live: events arrive as they happen. behind: they arrive later, by `lagMs`. paused: the
 * tab is hidden. lost: the api does not answer. cut: the api answers, but sends no events.
 */
export type LiveState = {
  state: "connecting" | "live" | "behind" | "paused" | "lost" | "cut";
  lagMs: number;
  postgres: "up" | "down";
};

const behindFromMs = 5_000;
/** The server sends a heartbeat every 10 s. */
const silentAfterMs = 25_000;
const firstWaitMs = 1_000;
const longestWaitMs = 15_000;

const atStart: LiveState = { state: "connecting", lagMs: 0, postgres: "up" };
let current = atStart;
let connectNow = () => {};
const watchers = new Set<() => void>();
const readers = new Set<(event: ActivityView) => void>();

function publish(next: LiveState): void {
  if (next.state === current.state && next.lagMs === current.lagMs && next.postgres === current.postgres)
    return;
  current = next;
  for (const watcher of watchers) watcher();
}

/** The state of the stream, for the page's header. */
export function useLiveState(): LiveState {
  return useSyncExternalStore(
    (watcher) => {
      watchers.add(watcher);
      return () => void watchers.delete(watcher);
    },
    () => current,
  );
}

/** Connects at once instead of at the end of the present wait. */
export function reconnectNow(): void {
  connectNow();
}

/** Calls `read` for each event of the timeline, in order and once. */
export function useLiveEvents(read: (event: ActivityView) => void): void {
  useEffect(() => {
    readers.add(read);
    return () => void readers.delete(read);
  }, [read]);
}

/**
 * Keeps the one stream of this tab open while `enabled`. A hidden tab closes it. It then resumes after the last event,
 * and what changed meanwhile is read again.
 */
export function useLiveStream(enabled: boolean): void {
  const queries = useQueryClient();
  useEffect(() => (enabled ? openStream(queries) : undefined), [enabled, queries]);
}

/** @returns closes it */
function openStream(queries: QueryClient): () => void {
  let source: EventSource | undefined;
  let lastId: string | undefined;
  let timer: number | undefined;
  let failures = 0;
  let isEnded = false;
  /** Changes were missed, so every answer may be old. */
  let isStale = false;

  const close = () => {
    clearTimeout(timer);
    source?.close();
    source = undefined;
  };
  const expectSign = () => {
    clearTimeout(timer);
    timer = window.setTimeout(reconnect, silentAfterMs);
  };
  const reload = (topics?: readonly Topic[]) =>
    queries.invalidateQueries(
      topics ? { predicate: ({ queryKey }) => topics.some((topic) => topic === queryKey[0]) } : {},
    );

  function reconnect(): void {
    close();
    isStale = true;
    const waitMs = Math.min(longestWaitMs, firstWaitMs * 2 ** failures++);
    // Tabs that lost one api must not return in step.
    timer = window.setTimeout(open, waitMs * (0.75 + Math.random() / 2));
    void findReason();
  }

  /** A stream that fails does not tell its status, so the session is asked for. */
  async function findReason(): Promise<void> {
    const asked = failures;
    const session = await getSession().catch(() => undefined);
    if (isEnded || failures !== asked) return;
    if (session === null) reportUnauthenticated();
    else publish({ ...current, state: session ? "cut" : "lost" });
  }

  function open(): void {
    close();
    if (document.hidden) {
      publish({ ...current, state: "paused" });
      isStale = true;
      return;
    }
    const opened = new EventSource(addressOf("/live", { after: lastId }));
    source = opened;
    const on = <Name extends keyof LiveEventData>(
      name: Name,
      read: (data: LiveEventData[Name], id: string) => void,
    ) =>
      opened.addEventListener(name, (event) => {
        expectSign();
        // The server checks its events against the same schemas.
        read(JSON.parse(event.data) as LiveEventData[Name], event.lastEventId);
      });
    on("opened", ({ lastId: id }) => {
      lastId ??= String(id);
      failures = 0;
      publish({ state: "live", lagMs: 0, postgres: "up" });
      // A list that was loaded before the stream opened may lack the events in between.
      void reload(isStale ? undefined : ["activity"]);
      void retryNow(queries);
      isStale = false;
    });
    on("activity", (event, id) => {
      lastId = id === "" ? lastId : id;
      for (const read of readers) read(event);
    });
    on("changed", ({ topics }) => void reload(topics));
    on("gap", ({ toId }) => {
      lastId = String(toId);
      void reload();
    });
    on("heartbeat", ({ lagMs, postgres }) =>
      publish({ state: lagMs > behindFromMs || postgres === "down" ? "behind" : "live", lagMs, postgres }),
    );
    on("end", reconnect);
    opened.onerror = reconnect;
    expectSign();
  }

  connectNow = open;
  window.addEventListener("online", open);
  document.addEventListener("visibilitychange", open);
  open();
  return () => {
    isEnded = true;
    window.removeEventListener("online", open);
    document.removeEventListener("visibilitychange", open);
    connectNow = () => {};
    close();
    publish(atStart);
  };
}
