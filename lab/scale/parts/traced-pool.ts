import { createPool, type Pool } from "@rollcall/db";
import { z } from "zod";

/** Postgres' measurements of one statement: its time without planning and network, and pages of 8 KB. */
export type Trace = { ms: number; hitPages: number; readPages: number };

export type TracedPool = {
  readonly pool: Pool;
  /** The statements since the last call of `take`. */
  take(): Trace[];
  close(): Promise<void>;
};

const longestStatementMs = 10 * 60_000;

// Set for the session, so that the product's own statements are measured, prepared and planned as usual.
const tracing = [
  "session_preload_libraries=auto_explain",
  "auto_explain.log_min_duration=0",
  "auto_explain.log_analyze=on",
  "auto_explain.log_timing=off",
  "auto_explain.log_buffers=on",
  "auto_explain.log_format=json",
  // Arrays of 500 ids would be in each message.
  "auto_explain.log_parameter_max_length=0",
  "client_min_messages=log",
];

const plan = z.object({
  Plan: z.object({ "Shared Hit Blocks": z.number(), "Shared Read Blocks": z.number() }),
});

/** A pool of one connection, on which Postgres reports the cost of each statement. */
export function openTracedPool(databaseUrl: string): TracedPool {
  let traces: Trace[] = [];
  const url = new URL(databaseUrl);
  url.searchParams.set("options", tracing.map((setting) => `-c ${setting}`).join(" "));
  const pool = createPool({
    databaseUrl: url.href,
    applicationName: "scale",
    max: 1,
    queryTimeoutMs: longestStatementMs,
    onIdleError: () => undefined,
  });
  pool.driver.on("connect", (client) => {
    client.on("notice", ({ message = "" }) => {
      const trace = readTrace(message);
      if (trace) traces.push(trace);
    });
  });
  return {
    pool,
    take: () => {
      const taken = traces;
      traces = [];
      return taken;
    },
    close: () => pool.end(),
  };
}

function readTrace(message: string): Trace | undefined {
  const [, ms, json] = /^duration: ([\d.]+) ms {2}plan:\s*(\{.*)$/s.exec(message) ?? [];
  if (ms === undefined || json === undefined) return undefined;
  const { Plan } = plan.parse(JSON.parse(json));
  return { ms: Number(ms), hitPages: Plan["Shared Hit Blocks"], readPages: Plan["Shared Read Blocks"] };
}
