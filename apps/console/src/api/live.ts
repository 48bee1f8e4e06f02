import type { ActivityView, LiveEventData, LiveTopic } from "@rollcall/contracts";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useSyncExternalStore } from "react";
import { addressOf } from "./request.ts";
import { reportExpired } from "./session.tsx";

/**
 * connecting: no event arrived yet, or the connection broke. live: events arrive as they happen. behind: they arrive
 * later, by `lagMs`. paused: the tab is hidden.
 */
export type LiveState = {
  state: "connecting" | "live" | "behind" | "paused";
  lagMs: number;
  postgres: "up" | "down";
};

const behindFromMs = 5_000;
/** The server sends a heartbeat every 10 s. */
const silentAfterMs = 25_000;
const reconnectAfterMs = 2_000;

let current: LiveState = { state: "connecting", lagMs: 0, postgres: "up" };
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
  useEffect(() => {
    if (!enabled) return;
    let source: EventSource | undefined;
    let lastId: string | undefined;
    let timer: number | undefined;
    let mustReload = false;

    const reload = (topics?: readonly LiveTopic[]) =>
      queries.invalidateQueries(
        topics ? { predicate: ({ queryKey }) => topics.some((topic) => topic === queryKey[0]) } : {},
      );
    const expectSign = () => {
      clearTimeout(timer);
      timer = window.setTimeout(reconnect, silentAfterMs);
    };
    const close = () => {
      clearTimeout(timer);
      source?.close();
      source = undefined;
    };
    const reconnect = () => {
      close();
      publish({ ...current, state: "connecting" });
      mustReload = true;
      timer = window.setTimeout(open, reconnectAfterMs);
    };

    function open(): void {
      close();
      if (document.hidden) {
        publish({ ...current, state: "paused" });
        mustReload = true;
        return;
      }
      const opened = new EventSource(addressOf("/live", { after: lastId }));
      source = opened;
      const on = <Name extends keyof LiveEventData>(
        name: Name,
        handle: (data: LiveEventData[Name], id: string) => void,
      ) =>
        opened.addEventListener(name, (event) => {
          expectSign();
          handle(JSON.parse(event.data) as LiveEventData[Name], event.lastEventId);
        });
      on("opened", ({ lastId: id }) => {
        lastId ??= String(id);
        publish({ state: "live", lagMs: 0, postgres: "up" });
        if (mustReload) void reload();
        mustReload = false;
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
      on("end", ({ reason }) => {
        if (reason === "session") {
          close();
          reportExpired();
        } else reconnect();
      });
      // The browser reconnects by itself after a break, but gives up after an answer that is no stream.
      opened.onerror = reconnect;
      expectSign();
    }

    document.addEventListener("visibilitychange", open);
    open();
    return () => {
      document.removeEventListener("visibilitychange", open);
      close();
      publish({ state: "connecting", lagMs: 0, postgres: "up" });
    };
  }, [enabled, queries]);
}
