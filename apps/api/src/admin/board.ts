import { createBullBoard } from "@bull-board/api";
import { BullMQAdapter } from "@bull-board/api/bullMQAdapter";
import { queueNames } from "@rollcall/jobs";
import type { FastifyInstance } from "fastify";
import type { ApiContext } from "../context.ts";
import { BoardAdapter, withoutOutsideFonts } from "./board-adapter.ts";

const refreshMs = 1_000;

/** What this machine has: the board's own fonts would come from Google. */
const fonts = {
  "font-sans": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
  "font-mono": "ui-monospace, 'Cascadia Mono', Menlo, Consolas, monospace",
};

const uiConfig = {
  boardTitle: "Rollcall",
  hideRedisDetails: true,
  // Asks the database for its list of clients at every poll. Who works is in `GET /api/admin/status`.
  showWorkers: false,
  hideDocsLink: true,
  theme: { light: fonts, dark: fonts },
};

/** Bull Board for all queues; those that are not reached yet appear once they are. */
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
    const queues = queueNames.flatMap((name) => context.producers[name].current() ?? []);
    if (queues.length === shown) return;
    board.setQueues(queues.map((queue) => new BullMQAdapter(queue, { readOnlyMode })));
    shown = queues.length;
    if (shown === queueNames.length) clearInterval(refresh);
  };
  const refresh = setInterval(showConnected, refreshMs);
  scope.addHook("onClose", async () => clearInterval(refresh));
  scope.addHook("onSend", async (_request, _reply, payload) => withoutOutsideFonts(payload));
  showConnected();
  await scope.register(serverAdapter.registerPlugin(), { prefix: "/queues" });
}
