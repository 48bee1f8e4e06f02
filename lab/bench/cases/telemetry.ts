import { startCollector } from "../../stage/collector.ts";
import { createDeliveryMint, encodeEnsureCalls, sendRequests } from "../../stage/http-load.ts";
import type { Stage } from "../../stage/stage.ts";
import { compare, toRow } from "../report.ts";
import { measureCost, runRounds, type Side } from "../rounds.ts";
import type { BenchCase } from "./case.ts";

const connections = 32;
const userCount = 1_000;
/** A webhook also logs a line. */
const senders = {
  "1 %": { OTEL_TRACES_SAMPLER_ARG: "0.01", OTEL_LOGS_EXPORTER: "none" },
  "100 %": { OTEL_TRACES_SAMPLER_ARG: "1", OTEL_LOGS_EXPORTER: "none" },
  "1 % and logs": { OTEL_TRACES_SAMPLER_ARG: "0.01" },
} as const;

/** Webhooks and cached ensure calls, to an api without a collector, and to apis that send some or all of their traces. */
export const telemetryCase: BenchCase = {
  backends: ["redis"],
  users: () => userCount,
  run: async (stage, options) => {
    const collector = await startCollector();
    stage.onClose(async () => collector.close());
    // The first calls fill the cache, and wait for the worker, however busy the machine is.
    const unhurried = { ENSURE_TIMEOUT_MS: "60000" };
    const apis = [{ name: "off", api: await stage.startApp("api", unhurried) }];
    const common = {
      ...unhurried,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
    };
    for (const [name, sender] of Object.entries(senders))
      apis.push({ name, api: await stage.startApp("api", { ...common, ...sender }) });
    const users = await stage.clerk.users.list({ limit: userCount });
    const [user] = users;
    if (!user) throw new Error("The simulator has no user");
    const deliveries = createDeliveryMint(user);
    const clerkIds = users.map(({ id }) => id);
    const calls = await encodeEnsureCalls("/api/ensure", stage.tokens, clerkIds);
    let sent = 0;
    const send = async (url: string, requests: readonly Buffer[]) => {
      sent += 1;
      return sendRequests({ url, requests, connections, firstAddress: sent * connections });
    };
    await fillCache(stage, (requests) => send(apis[0]?.api.url ?? "", requests), calls);
    const count = options.quick ? 8_000 : 15_000;
    const side = (name: string, api: { pid: number; url: string }, make: () => readonly Buffer[]): Side => ({
      name,
      sample: async () => {
        const requests = make();
        let latenciesMs: number[] = [];
        const cost = await measureCost(api.pid, async () => {
          latenciesMs = await send(api.url, requests);
        });
        return { operations: count, ...cost, latenciesMs };
      },
    });
    const repeated = () =>
      Array.from({ length: count }, (_, index) => calls[index % calls.length] ?? Buffer.of());
    const kinds = {
      webhook: () => deliveries.mint("/api/webhooks/clerk", count),
      ensure: repeated,
    };
    const sides = Object.entries(kinds).flatMap(([kind, make]) =>
      apis.map(({ name, api }) => side(`${kind}, ${name}`, api, make)),
    );
    const measured = await runRounds(sides, options);
    const ratios = measured.flatMap((one, index) => {
      const off = measured[index - (index % apis.length)];
      return off && off !== one ? [compare(one, off)] : [];
    });
    return { operation: "request", rows: measured.map(toRow), ratios, verdicts: [] };
  },
};

/** After the first calls the rows exist, and after the second they are in the cache. */
async function fillCache(
  stage: Stage,
  send: (requests: readonly Buffer[]) => Promise<unknown>,
  calls: readonly Buffer[],
): Promise<void> {
  const worker = await stage.startApp("worker");
  await send(calls);
  await worker.stop();
  await send(calls);
}
