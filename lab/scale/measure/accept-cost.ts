import { createDeliveryMint } from "../../bench/load/deliveries.ts";
import { sendRequests } from "../../bench/load/http-load.ts";
import type { Services } from "../../bench/stage/services.ts";
import { setStage } from "../../bench/stage/stage.ts";
import { type CpuSplit, splitCpu } from "./cpu-split.ts";

const connections = 32;

/** Has an api accept so many webhooks, each about another user. */
export async function measureAccept(
  services: Services,
  { webhooks, warmUp }: { webhooks: number; warmUp: number },
): Promise<CpuSplit> {
  const stage = await setStage({ services, backend: "redis", users: 1 });
  try {
    const [user] = await stage.clerk.users.list({ limit: 1 });
    if (!user) throw new Error("The simulator has no user");
    const deliveries = createDeliveryMint(user);
    const { pid, url } = await stage.startApp("api");
    const mint = (count: number) => deliveries.mint("/api/webhooks/clerk", count);
    await sendRequests({ url, requests: mint(warmUp), connections });
    const requests = mint(webhooks);
    const watched = { pids: [pid], redisPid: services.redis.pid, databaseUrl: stage.databaseUrl };
    return await splitCpu(watched, () => sendRequests({ url, requests, connections }));
  } finally {
    await stage.close();
  }
}
