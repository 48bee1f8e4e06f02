import { setTimeout as sleep } from "node:timers/promises";
import { assertPortFree, findFreePort } from "@rollcall/local-services";
import { places } from "../places.ts";
import { portVariables, type Settings } from "../settings.ts";
import { StartError } from "../start-error.ts";

type Ports = Settings["ports"];
type PortName = keyof Ports;

/** The parts of a killed process end by themselves within this time. */
const takeOverMs = 20_000;

export type PortOptions = {
  wanted: Partial<Ports>;
  /** The parts whose port the operator set. */
  named: ReadonlySet<PortName>;
  /** An earlier process was killed, and its parts may still hold the ports for a moment. */
  leftBehind: boolean;
  say: (sentence: string) => void;
};

/**
 * Decides the ports of all parts, which are free. 0 becomes a free port. For a default port that is taken the next free one
 * is used, and `say` names both. A port that the operator named is theirs to change: another program may call it.
 *
 * @throws StartError naming the variable of each named port that is in use
 */
export async function settlePorts({ wanted, named, leftBehind, say }: PortOptions): Promise<Ports> {
  const deadlineMs = Date.now() + (leftBehind ? takeOverMs : 0);
  const settled: Ports = { api: 0, admin: undefined, worker: 0, simulator: 0, example: 0 };
  const problems: string[] = [];
  const spoken = new Set(Object.values(wanted));
  for (const [name, variable] of Object.entries(portVariables) as [PortName, string][]) {
    const port = wanted[name];
    if (port === undefined) continue;
    const chosen = port === 0 ? await findFreePort() : port;
    settled[name] = chosen;
    if (await isFreeBy(chosen, deadlineMs)) continue;
    const next = named.has(name) ? undefined : await findNextFree(port, spoken);
    if (next === undefined) {
      problems.push(
        `Port ${port} is in use by another program. To use another one: ${variable}=${another(port)} ${places.command}`,
      );
      continue;
    }
    spoken.add(next);
    settled[name] = next;
    say(`Port ${port} is in use by another program, so ${variable} is ${next} this time.`);
  }
  if (problems.length > 0) throw new StartError(problems.join("\n"));
  return settled;
}

const mostSteps = 100;

/** @param spoken ports of the other parts */
async function findNextFree(
  port: number,
  spoken: ReadonlySet<number | undefined>,
): Promise<number | undefined> {
  for (let next = port + 1; next <= port + mostSteps; next++)
    if (!spoken.has(next) && (await isFreeBy(next, 0))) return next;
  return undefined;
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
