import { get } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { callHttp } from "../../stage/http-call.ts";
import { adminPassword, type Stage } from "../stage/stage.ts";

/** The requests of a console that stays open: its feed of events, and what its pages ask for again and again. */
export type OpenConsole = { events(): number; polls(): number; close(): Promise<void> };

const pages = [
  "status",
  "alerts",
  "users?limit=50",
  "activity?limit=50",
  "growth?days=1",
  "dead-letters?limit=50",
  "conflicts?limit=50",
  "runs",
];
const pollEveryMs = 1_000;
/** A browser opens a feed that broke again. */
const reopenMs = 1_000;
const answerTimeoutMs = 30_000;
const fullSyncEveryMs = 60_000;

/** Opens a console at one api. Every minute it requests a full sync too. */
export function openConsole({ apis: [api] }: Stage): OpenConsole {
  const closing = new AbortController();
  const { signal } = closing;
  const authorization = `Basic ${Buffer.from(`admin:${adminPassword}`).toString("base64")}`;
  let events = 0;
  let polls = 0;

  async function watch(): Promise<void> {
    let lastId: string | undefined;
    while (!signal.aborted) {
      await readFeed(lastId, (id) => {
        events += 1;
        lastId = id;
      }).catch(() => undefined);
      await sleep(reopenMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Resolves when the feed ends, for whatever reason. */
  function readFeed(lastId: string | undefined, onId: (id: string) => void): Promise<void> {
    const headers = { authorization, ...(lastId !== undefined && { "last-event-id": lastId }) };
    return new Promise((resolve) => {
      const request = get(`${api.url}/api/admin/live`, { headers, signal }, (response) => {
        response.setEncoding("utf8").on("data", (text: string) => {
          for (const [, id] of text.matchAll(/^id: ?(.*)$/gm)) onId(id ?? "");
        });
        response.on("error", () => resolve()).on("close", () => resolve());
      });
      request.on("error", () => resolve());
    });
  }

  async function poll(): Promise<void> {
    let turn = 0;
    let requestedAtMs = Date.now();
    while (!signal.aborted) {
      turn += 1;
      const { status } = await call("GET", pages[turn % pages.length] ?? "status");
      if (status === 200) polls += 1;
      if (Date.now() - requestedAtMs > fullSyncEveryMs) {
        requestedAtMs = Date.now();
        await call("POST", "reconcile", { mode: "full", dryRun: false });
      }
      await sleep(pollEveryMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async function call(method: "GET" | "POST", path: string, body?: object): Promise<{ status: number }> {
    return callHttp(`${api.url}/api/admin/${path}`, {
      method,
      headers: { authorization, ...(body && { "content-type": "application/json" }) },
      timeoutMs: answerTimeoutMs,
      ...(body && { body: JSON.stringify(body) }),
    }).catch(() => ({ status: 0 }));
  }

  const work = Promise.all([watch(), poll()]);
  return {
    events: () => events,
    polls: () => polls,
    close: async () => {
      closing.abort();
      await work;
    },
  };
}
