import { createBullBoard } from "@bull-board/api";
import { BullMQAdapter } from "@bull-board/api/bullMQAdapter";
import { FastifyAdapter } from "@bull-board/fastify";
import { queueNames } from "@rollcall/jobs";
import type { FastifyInstance } from "fastify";
import type { ApiContext } from "../context.ts";

const refreshMs = 1_000;

/** Bull Board for all queues; those that are not reached yet appear once they are. */
export async function registerBoard(
  scope: FastifyInstance,
  context: ApiContext,
  path: string,
): Promise<void> {
  const serverAdapter = new FastifyAdapter();
  serverAdapter.setBasePath(path);
  const board = createBullBoard({
    queues: [],
    serverAdapter,
    options: { uiConfig: { boardTitle: "Rollcall", hideRedisDetails: true } },
  });

  let shown = 0;
  const showConnected = () => {
    const queues = queueNames.flatMap((name) => context.producers[name].current() ?? []);
    if (queues.length === shown) return;
    const readOnlyMode = context.config.BOARD_READ_ONLY;
    board.setQueues(queues.map((queue) => new BullMQAdapter(queue, { readOnlyMode })));
    shown = queues.length;
    if (shown === queueNames.length) clearInterval(refresh);
  };
  const refresh = setInterval(showConnected, refreshMs);
  scope.addHook("onClose", async () => clearInterval(refresh));
  showConnected();
  await scope.register(serverAdapter.registerPlugin(), { prefix: "/queues" });
}
