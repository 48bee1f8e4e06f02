import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { type BundledPrograms, bundlePrograms } from "../stage/bundle-programs.ts";
import { drawBetween, type Random } from "../stage/random.ts";
import { repository } from "../stage/repository.ts";
import { lockMs, type ProcessPlan, type StressPlan } from "./plan.ts";

export type Fault = "kill -9" | "graceful close" | "freeze";

/** Processes of one role. A process that ends is replaced. */
export type ProcessGroup = {
  /** Resolves when all of the first processes are ready. */
  readonly ready: Promise<unknown>;
  /** Injects a fault into one process. Returns when it works again, or when its successor is ready. */
  injectFault(fault: Fault, index: number): Promise<void>;
  /** Closes all of them gracefully, for good. */
  end(): Promise<void>;
  /** Exits that no fault caused, and closes that took too long. They are bugs of the code under test. */
  readonly unexpectedExits: string[];
};

const sources = {
  producer: new URL("./producer-process.ts", import.meta.url),
  worker: new URL("./worker-process.ts", import.meta.url),
};

export const bundleGroups = () => bundlePrograms(Object.values(sources));

/** A closing worker waits for its longest run and for a busy database. This is far more. */
const closeDeadlineMs = 120_000;

let startedCount = 0;

export function startGroup(
  role: keyof typeof sources,
  size: number,
  plan: StressPlan,
  programs: BundledPrograms,
): ProcessGroup {
  const unexpectedExits: string[] = [];
  let ended = false;
  const stopping = new WeakSet<ChildProcess>();
  const start = (place: number): ChildProcess => {
    startedCount += 1;
    const name = `${role}${startedCount}`;
    const processPlan = { ...plan, name, processSeed: plan.seed * 1_000 + startedCount };
    const child = launch(programs.pathOf(sources[role]), processPlan);
    let errors = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      errors += text;
    });
    child.once("exit", (code, signal) => {
      if (stopping.has(child) || ended) return;
      unexpectedExits.push(`${name} exited by itself with ${code ?? signal}: ${errors.slice(-500)}`);
      members[place] = start(place);
    });
    return child;
  };
  const members: ChildProcess[] = [];
  for (let place = 0; place < size; place += 1) members.push(start(place));
  const ready = Promise.all(members.map(untilReady));

  const stop = async (child: ChildProcess, signal: "SIGTERM" | "SIGKILL") => {
    if (hasEnded(child)) return;
    stopping.add(child);
    const exited = once(child, "exit");
    child.kill(signal);
    const force = setTimeout(() => {
      unexpectedExits.push(`A ${role} did not close within ${closeDeadlineMs} ms`);
      child.kill("SIGKILL");
    }, closeDeadlineMs);
    await exited;
    clearTimeout(force);
  };

  return {
    unexpectedExits,
    ready,
    injectFault: async (fault, index) => {
      const child = members[index];
      if (!child || hasEnded(child)) return;
      if (fault === "freeze") return freeze(child, (1.5 * lockMs) / plan.faster);
      await stop(child, fault === "kill -9" ? "SIGKILL" : "SIGTERM");
      // Another fault may have replaced the process meanwhile.
      if (members[index] !== child || ended) return;
      const successor = start(index);
      members[index] = successor;
      await untilReady(successor);
    },
    end: async () => {
      ended = true;
      await Promise.all(members.map((child) => stop(child, "SIGTERM")));
    },
  };
}

function launch(program: string, plan: ProcessPlan): ChildProcess {
  return fork(program, [JSON.stringify(plan)], {
    cwd: repository,
    execArgv: [],
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
}

/** A process sends one message, when it is ready. */
async function untilReady(child: ChildProcess): Promise<void> {
  await Promise.race([once(child, "message"), once(child, "exit")]);
}

/** Longer than a job's lock. The process wakes as a second owner of jobs that others have taken. */
async function freeze(child: ChildProcess, ms: number): Promise<void> {
  child.kill("SIGSTOP");
  await sleep(ms);
  child.kill("SIGCONT");
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** A fault that is listed twice is drawn twice as often. */
export const workerFaults: readonly Fault[] = [
  "kill -9",
  "kill -9",
  "graceful close",
  "graceful close",
  "freeze",
];
export const producerFaults: readonly Fault[] = ["kill -9", "graceful close"];

/** How often each fault was injected. */
export type FaultCounts = Partial<Record<Fault, number>>;

/**
 * Injects faults into a group until `stop` fires. After each fault it waits until the process or its successor is ready,
 * so that a busy machine does some work between two faults. It does not wait for a frozen process, so that other faults
 * happen meanwhile.
 */
export async function injectFaults(
  group: ProcessGroup,
  size: number,
  faults: readonly Fault[],
  random: Random,
  stop: AbortSignal,
): Promise<FaultCounts> {
  const counts: FaultCounts = {};
  const freezes: Promise<void>[] = [];
  for (;;) {
    await sleep(drawBetween(random, 300, 1_500));
    if (stop.aborted) break;
    const fault = faults[Math.floor(random() * faults.length)];
    if (!fault) continue;
    const injecting = group.injectFault(fault, Math.floor(random() * size));
    if (fault === "freeze") freezes.push(injecting);
    else await injecting;
    counts[fault] = (counts[fault] ?? 0) + 1;
  }
  await Promise.all(freezes);
  return counts;
}
