import { setTimeout as sleep } from "node:timers/promises";
import { findFreePort } from "@rollcall/local-services";
import { startBalancer } from "./balancer.ts";
import { type RunningProcess, runProcess } from "./process.ts";
import type { System } from "./system.ts";
import { waitFor } from "./wait-for.ts";

type Kind = "api" | "worker";
type Member = { port: number; process: RunningProcess };
type Change = { environment?: Record<string, string>; root?: string };

/** Two apis behind a balancer, and two workers. */
export type Fleet = {
  /** The system with the balancer as its api. */
  system: System;
  /** The URL of each api, without the balancer. */
  apiUrls(): string[];
  /** Ends a process as a deployment does, and starts another in its place. @returns the exit code of the old process */
  replace(kind: Kind, index: number, change?: Change): Promise<number | string>;
  /** The output of all processes, ended ones included. */
  output(): string;
  stop(): Promise<void>;
};

/** A load balancer takes a server out of rotation before the server gets SIGTERM, so that requests in flight arrive. */
const deregistrationMs = 500;

/** Replaces the api and the worker of a system with the fleet. Clerk delivers to the balancer from then on. */
export async function startFleet(single: System): Promise<Fleet> {
  const balancer = await startBalancer();
  const members: Record<Kind, Member[]> = { api: [], worker: [] };
  const outputs: (() => string)[] = [];

  async function launch(kind: Kind, change: Change = {}): Promise<Member> {
    const port = await findFreePort();
    const { environment = single.environment, root = "" } = change;
    const ports = kind === "api" ? { PORT: String(port) } : { WORKER_PORT: String(port) };
    const entry = `${root === "" ? "" : `${root}/`}apps/${kind}/dist/main.js`;
    const process = runProcess(entry, { ...environment, ...ports });
    outputs.push(process.output);
    await waitFor(
      `the ${kind}`,
      async () => {
        const answer = await fetch(`http://127.0.0.1:${port}/readyz`);
        return (await answer.text()).includes('"status":"ok"') ? true : undefined;
      },
      100_000,
    );
    return { port, process };
  }

  const route = () => balancer.use(members.api.map(({ port }) => port));
  await Promise.all([single.api.stop(), single.worker.stop()]);
  for (const kind of ["worker", "worker", "api", "api"] as const) members[kind].push(await launch(kind));
  route();
  await single.clerk.webhooks.configure({ url: `${balancer.url}/api/webhooks/clerk` });

  return {
    system: { ...single, apiUrl: balancer.url },
    apiUrls: () => members.api.map(({ port }) => `http://127.0.0.1:${port}`),
    replace: async (kind, index, change) => {
      const [old] = members[kind].splice(index, 1);
      if (!old) throw new Error(`There is no ${kind} ${index}`);
      if (kind === "api") {
        route();
        await sleep(deregistrationMs);
      }
      const code = await old.process.stop("SIGTERM");
      members[kind].splice(index, 0, await launch(kind, change));
      route();
      return code;
    },
    output: () => outputs.map((read) => read()).join("\n"),
    stop: async () => {
      await Promise.all([...members.api, ...members.worker].map(({ process }) => process.stop()));
      await balancer.close();
    },
  };
}
