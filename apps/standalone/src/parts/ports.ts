import { setTimeout as sleep } from "node:timers/promises";
import { assertPortFree, findFreePort } from "@rollcall/local-services";
import type { Settings } from "../settings.ts";
import { StartError } from "../start-error.ts";

type Ports = Settings["ports"];

const variableOf: Record<keyof Ports, string> = {
  api: "PORT",
  admin: "ADMIN_PORT",
  worker: "WORKER_PORT",
  simulator: "SIMULATOR_PORT",
  example: "EXAMPLE_PORT",
};

/** The parts of a killed process end by themselves within this time. */
const takeOverMs = 20_000;

/**
 * Decides the ports of all parts, and checks that they are free. 0 becomes a free port.
 *
 * @param leftBehind an earlier process was killed, and its parts may still hold the ports for a moment
 * @throws StartError naming the variable of each port that is in use
 */
export async function settlePorts(wanted: Partial<Ports>, leftBehind: boolean): Promise<Ports> {
  const deadlineMs = Date.now() + (leftBehind ? takeOverMs : 0);
  const settled: Ports = { api: 0, admin: undefined, worker: 0, simulator: 0, example: 0 };
  const problems: string[] = [];
  for (const [name, variable] of Object.entries(variableOf) as [keyof Ports, string][]) {
    const port = wanted[name];
    if (port === undefined) continue;
    const chosen = port === 0 ? await findFreePort() : port;
    settled[name] = chosen;
    if (!(await isFreeBy(chosen, deadlineMs))) {
      problems.push(
        `Port ${port} is in use by another program. To use another one: ${variable}=${another(port)} npm start`,
      );
    }
  }
  if (problems.length > 0) throw new StartError(problems.join("\n"));
  return settled;
}

/** An example; it may be in use too. */
function another(port: number): number {
  return port > 60_000 ? port - 1_000 : port + 1_000;
}

async function isFreeBy(port: number, deadlineMs: number): Promise<boolean> {
  for (;;) {
    try {
      await assertPortFree(port);
      return true;
    } catch {
      if (Date.now() >= deadlineMs) return false;
      await sleep(200);
    }
  }
}
