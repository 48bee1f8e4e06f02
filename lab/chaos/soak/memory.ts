import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import type { ProcessName } from "../plan/plan.ts";
import type { Stage } from "../stage/stage.ts";

/** Behind a garbage collection, in bytes. */
const memory = z.object({
  /** When it was so; milliseconds since the epoch. */
  atMs: z.number(),
  /** What the program still refers to, buffers included: a leak grows here, and nothing else does for long. */
  live: z.number(),
  /** What the machine gives it: also code, stacks, and what the allocator keeps for later. */
  resident: z.number(),
});

export type Memory = z.infer<typeof memory>;

/** Collecting takes a tenth of a second, and on a busy machine as long as it takes to be given a core. */
const answerTimeoutMs = 30_000;
const pollMs = 50;

/** The module that a process must have loaded to be asked for its memory. */
export function memoryModule(folder: string, name: ProcessName): string {
  const url = new URL("collect-garbage.js", import.meta.url);
  url.searchParams.set("to", fileOf(folder, name));
  return url.href;
}

/** Has each process collect its garbage, and reads what is left. @throws when one is down, or does not answer */
export async function readMemory({ folder, processes }: Stage): Promise<Record<ProcessName, Memory>> {
  const askedAtMs = Date.now();
  for (const { name, pid } of Object.values(processes)) {
    const id = pid();
    if (id === undefined) throw new Error(`${name} is down`);
    process.kill(id, "SIGUSR2");
  }
  const read = (name: ProcessName) => untilWritten(fileOf(folder, name), askedAtMs);
  const [api0, api1, worker0, worker1] = await Promise.all([
    read("api0"),
    read("api1"),
    read("worker0"),
    read("worker1"),
  ]);
  return { api0, api1, worker0, worker1 };
}

async function untilWritten(file: string, askedAtMs: number): Promise<Memory> {
  while (Date.now() < askedAtMs + answerTimeoutMs) {
    const text = await readFile(file, "utf8").catch(() => undefined);
    const answer = text === undefined ? undefined : memory.parse(JSON.parse(text));
    if (answer && answer.atMs >= askedAtMs) return answer;
    await sleep(pollMs);
  }
  throw new Error(`Nobody wrote ${file} within ${answerTimeoutMs} ms`);
}

function fileOf(folder: string, name: ProcessName): string {
  return join(folder, `${name}.memory.json`);
}
