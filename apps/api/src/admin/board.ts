import { createBullBoard } from "@bull-board/api";
import { BullMQAdapter } from "@bull-board/api/bullMQAdapter";
import { FastifyAdapter } from "@bull-board/fastify";
import { AppError } from "@rollcall/contracts";
import type { Producers } from "@rollcall/jobs";
import type { FastifyInstance } from "fastify";
import type { ApiContext } from "../context.ts";
import { setBoardToken } from "./access/session-cookie.ts";

const refreshMs = 1_000;

/** Fonts of the operator's machine, instead of the board's fonts from Google. */
const fonts = {
  "font-sans": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
  "font-mono": "ui-monospace, 'Cascadia Mono', Menlo, Consolas, monospace",
};

const uiConfig = {
  boardTitle: "Rollcall",
  hideRedisDetails: true,
  // Would ask the database for its list of clients at every poll. `GET /api/admin/status` counts the workers.
  showWorkers: false,
  hideDocsLink: true,
  theme: { light: fonts, dark: fonts },
};

/** Bull Board for all queues. A queue that is not connected yet appears once it is. */
export async function registerBoard(
  scope: FastifyInstance,
  context: ApiContext,
  path: string,
): Promise<void> {
  const readOnlyMode = context.config.BOARD_READ_ONLY;
  const serverAdapter = new BoardAdapter({ readOnly: readOnlyMode });
  serverAdapter.setBasePath(path);
  const board = createBullBoard({ queues: [], serverAdapter, options: { uiConfig } });

  let shown = 0;
  const showConnected = () => {
    const queues = findConnected(context.producers);
    if (queues.length === shown) return;
    board.setQueues(
      queues.map(({ queue, shard }) => {
        // The board knows a queue by prefix and name, and all shards have one name.
        const names = shard > 0 && { prefix: `${shard}-`, displayName: `${queue.name}, shard ${shard}` };
        return new BullMQAdapter(queue, { readOnlyMode, ...names });
      }),
    );
    shown = queues.length;
  };
  const refresh = setInterval(showConnected, refreshMs);
  scope.addHook("onClose", async () => clearInterval(refresh));
  scope.addHook("onSend", async (request, reply, payload) => {
    const isPage = String(reply.getHeader("content-type")).startsWith("text/html");
    if (isPage && request.adminSession && !readOnlyMode)
      setBoardToken(request, reply, path, request.adminSession.csrf);
    return withoutDeadEnds(withoutOutsideFonts(payload));
  });
  // Otherwise a page of the console would answer.
  scope.get("/*", () => {
    throw new AppError("request.not_found", "No such page of the board");
  });
  showConnected();
  await scope.register(serverAdapter.registerPlugin());
}

function findConnected({ ensure, sync, ...others }: Producers) {
  const single = [others.reconcile, others["dead-letter"]].flatMap((producer) => producer.current() ?? []);
  return [...ensure.current(), ...sync.current(), ...single.map((queue) => ({ queue, shard: 0 }))];
}

type Routes = Parameters<FastifyAdapter["setApiRoutes"]>[0];
type ErrorHandler = Parameters<FastifyAdapter["setErrorHandler"]>[0];

/** Routes that reveal the database behind the queues: its version, memory, port and clients. */
const innerRoutes = new Set(["/api/redis/stats", "/api/queues/:queueName/workers"]);

/**
 * The writes that the board offers while it is not read-only: they act on jobs that Rollcall added. No route that makes a
 * job, or changes the payload of one, is in this list, and a write of a newer Bull Board is refused until it is added here.
 */
const allowedWrites = new Set([
  "/api/queues/pause",
  "/api/queues/resume",
  "/api/queues/:queueName/pause",
  "/api/queues/:queueName/resume",
  "/api/queues/:queueName/retry/:queueStatus",
  "/api/queues/:queueName/promote",
  "/api/queues/:queueName/clean/:queueStatus",
  "/api/queues/:queueName/empty",
  "/api/queues/:queueName/:jobId/retry",
  "/api/queues/:queueName/:jobId/promote",
  "/api/queues/:queueName/:jobId/clean",
]);

/** Bull Board's adapter without the routes above and, when read-only, without every route that writes. */
class BoardAdapter extends FastifyAdapter {
  private readonly readOnly: boolean;

  constructor({ readOnly }: { readOnly: boolean }) {
    super();
    this.readOnly = readOnly;
  }

  override setApiRoutes(routes: Routes): FastifyAdapter {
    return super.setApiRoutes(
      routes.filter(
        ({ route, method }) =>
          ![route].flat().some((path) => innerRoutes.has(path)) &&
          ([method].flat().every((verb) => verb === "get") ||
            (!this.readOnly && [route].flat().every((path) => allowedWrites.has(path)))),
      ),
    );
  }

  /** Replaces the error's own text, which names hosts and ports. */
  override setErrorHandler(handler: ErrorHandler): this {
    return super.setErrorHandler((error) => handler(withoutText(error)));
  }
}

function withoutText(error: Error): Error {
  const status = "statusCode" in error && typeof error.statusCode === "number" ? error.statusCode : 500;
  return Object.assign(new Error("The queues did not answer"), { statusCode: status });
}

/** The page's fonts from Google. Our policy forbids them, so the browser would log an error on every visit. */
const outsideFonts = /<link\b[^>]*fonts\.googleapis\.com[^>]*>/g;

function withoutOutsideFonts(payload: unknown): unknown {
  return typeof payload === "string" ? payload.replaceAll(outsideFonts, "") : payload;
}

/**
 * Bull Board has no setting that hides what leads to a write outside of `allowedWrites`. Each entry is known by its icon:
 * a new job, concurrency, rate limit and obliterate of a queue; a copy and another payload of a job.
 */
const entries = ["plus", "chart-no-axes-gantt", "gauge", "ban"].map((icon) => `.lucide-${icon}`);
const forms = ["add-job-form", "edit-job-data-form"];
const hidden = [
  `[role="menuitem"]:has(${entries.join(",")})`,
  "main button:has(.lucide-files,.lucide-pencil)",
  ...forms.flatMap((id) => [`#${id}`, `[form="${id}"]`]),
].join(",");

function withoutDeadEnds(payload: unknown): unknown {
  return typeof payload === "string"
    ? payload.replace("</head>", `<style>${hidden}{display:none!important}</style></head>`)
    : payload;
}
