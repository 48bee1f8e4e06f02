import { createDeliveryMint, sendRequests } from "../../stage/http-load.ts";
import { startHttpReference } from "../reference-process.ts";
import { checkLimit, compare, toRow } from "../report.ts";
import { measureCost, runRounds, type Side } from "../rounds.ts";
import type { BenchCase } from "./case.ts";

const connections = 32;

/** A signed delivery, sent to the api, to a route that does nothing, and to a route that writes the rows itself. */
export const webhookCase: BenchCase = {
  backends: ["redis", "postgres"],
  users: () => 1,
  run: async (stage, options) => {
    const [user] = await stage.clerk.users.list({ limit: 1 });
    if (!user) throw new Error("The simulator has no user");
    const deliveries = createDeliveryMint(user);
    const api = await stage.startApp("api");
    const reference = await startHttpReference(stage, undefined);
    const side = (
      name: string,
      process: { pid: number; url: string },
      path: string,
      count: number,
    ): Side => ({
      name,
      sample: async () => {
        const requests = deliveries.mint(path, count);
        let latenciesMs: number[] = [];
        const cost = await measureCost(process.pid, async () => {
          latenciesMs = await sendRequests({ url: process.url, requests, connections });
        });
        return { operations: count, ...cost, latenciesMs };
      },
    });
    // A queued job takes a millisecond of Postgres, and so does an upsert. Such sides get fewer requests.
    const many = options.quick ? 8_000 : 15_000;
    const few = options.quick ? 2_000 : 4_000;
    const sides = [
      side("accept", api, "/api/webhooks/clerk", stage.backend === "redis" ? many : few),
      side("bare route", reference, "/bare/webhook", many),
      side("verify and upsert inline", reference, "/inline/webhook", few),
    ];
    const [accept, bare, inline] = await runRounds(sides, options);
    if (!accept || !bare || !inline) throw new Error("A side was not measured");
    const toBare = compare(accept, bare);
    return {
      operation: "request",
      rows: [accept, bare, inline].map(toRow),
      ratios: [toBare, compare(accept, inline)],
      verdicts: stage.backend === "redis" ? [checkLimit("webhook", toBare.ratio)] : [],
    };
  },
};
