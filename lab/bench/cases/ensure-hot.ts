import { Redis } from "ioredis";
import { callHttp } from "../../stage/http-call.ts";
import { encodeEnsureCalls, sendRequests } from "../../stage/http-load.ts";
import type { Stage } from "../../stage/stage.ts";
import { startHttpReference } from "../reference-process.ts";
import { checkLimit, compare, toRow } from "../report.ts";
import { measureCost, runRounds, type Side } from "../rounds.ts";
import type { BenchCase } from "./case.ts";

const connections = 32;
/** Enough users and addresses to stay below the rate limits of 300 and 3,000 calls a minute. */
const userCount = 1_000;

/** Known users call ensure. The cache answers, as at nearly every login. */
export const ensureHotCase: BenchCase = {
  backends: ["redis"],
  users: () => userCount,
  run: async (stage, options) => {
    const users = await stage.clerk.users.list({ limit: userCount });
    const clerkIds = users.map(({ id }) => id);
    const api = await stage.startApp("api");
    const worker = await stage.startApp("worker");
    let sent = 0;
    const send = async (url: string, requests: readonly Buffer[]) => {
      sent += 1;
      return sendRequests({ url, requests, connections, firstAddress: sent * connections });
    };
    const calls = await encodeEnsureCalls("/api/ensure", stage.tokens, clerkIds);
    await send(api.url, calls);
    await worker.stop();
    // The second time, the rows exist and the answers go into the cache.
    await send(api.url, calls);
    const answer: unknown = JSON.parse(await callEnsureOnce(stage, api.url, clerkIds[0] ?? ""));
    const reference = await startHttpReference(stage, answer);
    await storeSession(stage.redisUrl, JSON.stringify(answer));
    const bareCalls = await encodeEnsureCalls("/bare/ensure", stage.tokens, clerkIds);
    const count = options.quick ? 8_000 : 15_000;
    const side = (name: string, process: { pid: number; url: string }, known: readonly Buffer[]): Side => ({
      name,
      sample: async () => {
        const requests = Array.from(
          { length: count },
          (_, index) => known[index % known.length] ?? Buffer.of(),
        );
        let latenciesMs: number[] = [];
        const cost = await measureCost(process.pid, async () => {
          latenciesMs = await send(process.url, requests);
        });
        return { operations: count, ...cost, latenciesMs };
      },
    });
    const sides = [side("ensure, cached", api, calls), side("bare route and GET", reference, bareCalls)];
    const [hot, bare] = await runRounds(sides, options);
    if (!hot || !bare) throw new Error("A side was not measured");
    const ratio = compare(hot, bare);
    return {
      operation: "request",
      rows: [hot, bare].map(toRow),
      ratios: [ratio],
      verdicts: [checkLimit("ensureHot", ratio.ratio)],
    };
  },
};

async function callEnsureOnce({ tokens }: Stage, url: string, clerkId: string): Promise<string> {
  const headers = { authorization: `Bearer ${await tokens.mint(clerkId)}` };
  const { text } = await callHttp(`${url}/api/ensure`, { method: "POST", headers, timeoutMs: 5_000 });
  return text;
}

/** Gives the reference's Redis key the same length as a cached session. */
async function storeSession(redisUrl: string, session: string): Promise<void> {
  const redis = new Redis(redisUrl);
  await redis.set("rollcall:session:bench", session);
  redis.disconnect();
}
