import { Redis } from "ioredis";
import { callHttp } from "../../chaos/stage/http-call.ts";
import { encodeEnsureCalls } from "../load/ensure-calls.ts";
import { sendRequests } from "../load/http-load.ts";
import { measureCost, runRounds, type Side } from "../measure/rounds.ts";
import { compare, judge, toRow } from "../report/case-report.ts";
import { startHttpReference } from "../stage/http-reference.ts";
import type { Stage } from "../stage/stage.ts";
import type { BenchCase } from "./case.ts";

const connections = 32;
/** A user may call 300 times a minute, and an address 3,000 times. */
const people = 1_000;

/** People who are known call ensure: the cache answers, as it does at nearly every login. */
export const ensureHotCase: BenchCase = {
  backends: ["redis"],
  users: () => people,
  run: async (stage, options) => {
    const users = await stage.clerk.users.list({ limit: people });
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
    // Once more: now the rows are there, and the answers go into the cache.
    await send(api.url, calls);
    const answer: unknown = JSON.parse(await askOnce(stage, api.url, clerkIds[0] ?? ""));
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
      verdicts: [judge("ensureHot", ratio.ratio)],
    };
  },
};

async function askOnce({ tokens }: Stage, url: string, clerkId: string): Promise<string> {
  const headers = { authorization: `Bearer ${await tokens.mint(clerkId)}` };
  const { text } = await callHttp(`${url}/api/ensure`, { method: "POST", headers, timeoutMs: 5_000 });
  return text;
}

/** What the reference gets from Redis is as long as what ensure gets. */
async function storeSession(redisUrl: string, session: string): Promise<void> {
  const redis = new Redis(redisUrl);
  await redis.set("rollcall:session:bench", session);
  redis.disconnect();
}
