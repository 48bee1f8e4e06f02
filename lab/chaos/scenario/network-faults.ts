import { setTimeout as sleep } from "node:timers/promises";
import type { ProcessName } from "../plan/process-name.ts";
import type { Direction, Link } from "../stage/network.ts";
import type { Stage } from "../stage/stage.ts";

function getLink({ network }: Stage, process: ProcessName): Link {
  if (!network) throw new Error("no network namespaces here");
  return network.links[process];
}

/** Loses all packets of one direction. Connections stay open, and their ends notice it at different times. */
export async function cutOneWay(
  stage: Stage,
  process: ProcessName,
  direction: Direction,
  forMs: number,
): Promise<void> {
  const link = getLink(stage, process);
  await link.cut(direction);
  await sleep(forMs);
  await link.mend(direction);
}

const lostMs = 40;
const betweenMs = 160;

/** Loses a fifth of the time's packets, in both directions, in bursts as a full buffer does. */
export async function losePackets(stage: Stage, process: ProcessName, forMs: number): Promise<void> {
  const untilMs = Date.now() + forMs;
  while (Date.now() < untilMs) {
    for (const direction of ["from", "to"] as const) await cutOneWay(stage, process, direction, lostMs);
    await sleep(2 * betweenMs);
  }
}

/** All connections of a process break, and names are resolved late or wrongly while it connects again. */
export async function confuseNames(
  stage: Stage,
  process: ProcessName,
  { answer, lateMs }: { answer: "right" | "wrong" | "none"; lateMs: number },
  forMs: number,
): Promise<void> {
  const { names } = getLink(stage, process);
  names.answer(answer, lateMs);
  for (const service of ["redis", "postgres", "clerk"] as const) stage.proxy(process, service)?.reset();
  await sleep(forMs);
  names.answer("right", 0);
}
