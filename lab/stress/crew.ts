import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { lockMs, type ProcessPlan, type StressPlan } from "./plan.ts";

export type Fault = "kill -9" | "graceful close" | "freeze";

/** Processes of one role, of which there are always as many as asked for, whatever befalls them. */
export type Crew = {
  /** Resolves when all of the first ones are at work. */
  readonly ready: Promise<unknown>;
  /** Lets something befall one of them. Returns when it works again, or another in its place. */
  injectFault(fault: Fault, index: number): Promise<void>;
  /** Closes all of them gracefully, for good. */
  end(): Promise<void>;
  /** Ends that nobody asked for, and closes that took too long: faults of the code under test. */
  readonly surprises: string[];
};

const entries = {
  producer: new URL("./producer-process.ts", import.meta.url),
  worker: new URL("./worker-process.ts", import.meta.url),
};
const root = fileURLToPath(new URL("../../../", import.meta.url));

/** A closing worker waits for its longest run and for the answers of a busy database; this is far more. */
const closeDeadlineMs = 120_000;

let hired = 0;

export function startCrew(role: keyof typeof entries, size: number, plan: StressPlan): Crew {
  const surprises: string[] = [];
  let ended = false;
  const expected = new WeakSet<ChildProcess>();
  const hire = (place: number): ChildProcess => {
    hired += 1;
    const name = `${role}${hired}`;
    const child = launch(role, { ...plan, name, processSeed: plan.seed * 1_000 + hired });
    let errors = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      errors += text;
    });
    child.once("exit", (code, signal) => {
      if (expected.has(child) || ended) return;
      surprises.push(`${name} ended by itself with ${code ?? signal}: ${errors.slice(-500)}`);
      members[place] = hire(place);
    });
    return child;
  };
  const members: ChildProcess[] = [];
  for (let place = 0; place < size; place += 1) members.push(hire(place));
  const ready = Promise.all(members.map(untilAtWork));

  const dismiss = async (child: ChildProcess, signal: "SIGTERM" | "SIGKILL") => {
    if (hasEnded(child)) return;
    expected.add(child);
    const exited = once(child, "exit");
    child.kill(signal);
    const force = setTimeout(() => {
      surprises.push(`A ${role} did not close within ${closeDeadlineMs} ms`);
      child.kill("SIGKILL");
    }, closeDeadlineMs);
    await exited;
    clearTimeout(force);
  };

  return {
    surprises,
    ready,
    injectFault: async (fault, index) => {
      const child = members[index];
      if (!child || hasEnded(child)) return;
      if (fault === "freeze") return freeze(child, (1.5 * lockMs) / plan.faster);
      await dismiss(child, fault === "kill -9" ? "SIGKILL" : "SIGTERM");
      // Two faultsInjected may have met the same process.
      if (members[index] !== child || ended) return;
      const successor = hire(index);
      members[index] = successor;
      await untilAtWork(successor);
    },
    end: async () => {
      ended = true;
      await Promise.all(members.map((child) => dismiss(child, "SIGTERM")));
    },
  };
}

function launch(role: keyof typeof entries, plan: ProcessPlan): ChildProcess {
  return fork(fileURLToPath(entries[role]), [JSON.stringify(plan)], {
    cwd: root,
    execArgv: ["--conditions=@rollcall/source", "--import", "tsx"],
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
}

/** A process says so once, by its only message. */
async function untilAtWork(child: ChildProcess): Promise<void> {
  await Promise.race([once(child, "message"), once(child, "exit")]);
}

/** Longer than a job's lock: it wakes as a second owner of jobs that others have taken. */
async function freeze(child: ChildProcess, ms: number): Promise<void> {
  child.kill("SIGSTOP");
  await sleep(ms);
  child.kill("SIGCONT");
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}
