import { encodeEnsureCalls, sendRequests } from "../../stage/http-load.ts";
import { checkLimit, toRow } from "../report.ts";
import { measureCost, runRounds } from "../rounds.ts";
import type { BenchCase } from "./case.ts";

const atOnce = 50;
const clerkMs = 200;
const warmUpRounds = 1;

const countRounds = (quick: boolean) => (quick ? 10 : 20);

/** Fifty users at once log in for the first time, before their webhooks, while Clerk takes 200 ms per answer. */
export const ensureColdCase: BenchCase = {
  backends: ["redis", "postgres"],
  users: ({ quick }) => atOnce * (countRounds(quick) + warmUpRounds),
  run: async (stage, options) => {
    const rounds = countRounds(options.quick);
    const users = await stage.clerk.users.list({ limit: atOnce * (rounds + warmUpRounds) });
    const api = await stage.startApp("api");
    await stage.startApp("worker");
    await stage.clerk.faults.add({ kind: "latency", ms: clerkMs });
    const side = {
      name: `first login, ${atOnce} at once`,
      sample: async () => {
        const clerkIds = users.splice(0, atOnce).map(({ id }) => id);
        const requests = await encodeEnsureCalls("/api/ensure", stage.tokens, clerkIds);
        let latenciesMs: number[] = [];
        const cost = await measureCost(api.pid, async () => {
          latenciesMs = await sendRequests({
            url: api.url,
            requests,
            connections: atOnce,
            firstAddress: 0,
          });
        });
        return { operations: atOnce, ...cost, latenciesMs };
      },
    };
    const rows = (await runRounds([side], { ...options, rounds })).map(toRow);
    const p99Ms = rows[0]?.p99Ms ?? Number.NaN;
    return {
      operation: "request (CPU of the api alone)",
      rows,
      ratios: [],
      verdicts: stage.backend === "redis" ? [checkLimit("ensureCold", p99Ms)] : [],
    };
  },
};
