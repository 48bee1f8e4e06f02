import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { variables } from "@rollcall/contracts";
import { makeDistantCron } from "./distant-cron.ts";
import { type RunningProcess, runProcess } from "./process.ts";
import { waitFor } from "./wait-for.ts";

export type Standalone = RunningProcess & {
  pid: number;
  apiUrl: string;
  pageUrl: string;
  /** The URL of the example app; empty if it is left out. */
  appUrl: string;
  /** The processes of its parts. Its own Postgres, if it has one, is last and need not be a child process. */
  pids(): Promise<number[]>;
};

/**
 * Runs the program of `npm start` in a folder of its own. No setting comes from a project's `.env`.
 *
 * @param dir of its data
 * @param folder in which it runs
 */
export function launchStandalone(
  dir: string,
  environment: Record<string, string> = {},
  args: readonly string[] = [],
  folder?: string,
): RunningProcess {
  const own = standaloneEnvironment(dir, environment);
  return runProcess("apps/standalone/dist/main.js", own, args, folder);
}

export function standaloneEnvironment(
  dir: string,
  environment: Record<string, string>,
): Record<string, string> {
  const nothing = Object.fromEntries(Object.keys(variables).map((name) => [name, ""]));
  const anyPort = { PORT: "0", WORKER_PORT: "0", SIMULATOR_PORT: "0", EXAMPLE_PORT: "0" };
  // Without reconcile, a user whose webhook is lost stays missing until the test acts.
  const alone = {
    ROLLCALL_DEMO: "false",
    RECONCILE_CATCHUP_EVERY_MS: "86400000",
    RECONCILE_FULL_CRON: makeDistantCron(),
  };
  return { ...nothing, ...anyPort, ...alone, ROLLCALL_DIR: dir, ...environment };
}

export async function startStandalone(
  dir: string,
  environment: Record<string, string> = {},
  args: readonly string[] = [],
): Promise<Standalone> {
  const running = launchStandalone(dir, environment, args);
  return untilReady(running, dir);
}

export async function untilReady(running: RunningProcess, dir: string): Promise<Standalone> {
  await waitFor(
    "ready",
    async () => {
      if (running.child.exitCode !== null) throw new Error(running.output());
      return /^ready$/m.test(running.output()) ? true : undefined;
    },
    120_000,
  );
  // Not the pid of the child, which may be an npx. The cast is not checked: a missing pid fails the test.
  const { pid } = JSON.parse(await readFile(join(dir, "running.lock"), "utf8")) as { pid: number };
  return {
    ...running,
    pid,
    apiUrl: readUrl(running, "API"),
    pageUrl: readUrl(running, "People"),
    appUrl: findUrl(running, "An app") ?? "",
    pids: async () => {
      const children = await readChildren(pid);
      if (!existsSync(join(dir, "postgres"))) return children;
      const postmaster = await readPostmasterPid(dir);
      return [...children.filter((child) => child !== postmaster), postmaster];
    },
  };
}

/** The first full sync starts by itself and would find users whose webhooks were lost before it. */
export async function untilFirstFullSync({ pageUrl }: Standalone): Promise<void> {
  await waitFor("the first full sync", async () => {
    const answer = await fetch(`${pageUrl}/page/state`);
    // The cast is not checked: a missing property fails the test.
    const { runs } = (await answer.json()) as { runs: { mode: string }[] };
    return runs.some(({ mode }) => mode === "full") ? true : undefined;
  });
}

/** Requests a run as an operator does, with the login that the table of addresses shows. */
export async function startRun(system: Standalone, mode: "full" | "catch-up"): Promise<void> {
  const password = /password (\S+)/.exec(system.output())?.[1];
  const answer = await fetch(`${system.apiUrl}/api/admin/reconcile`, {
    method: "POST",
    headers: {
      authorization: `Basic ${Buffer.from(`admin:${password}`).toString("base64")}`,
      "content-type": "application/json",
    },
    body: JSON.stringify({ mode }),
  });
  if (answer.status !== 202) throw new Error(`No run: ${answer.status} ${await answer.text()}`);
}

function readUrl(running: RunningProcess, name: string): string {
  const url = findUrl(running, name);
  if (!url) throw new Error(`No ${name} in:\n${running.output()}`);
  return url;
}

function findUrl(running: RunningProcess, name: string): string | undefined {
  return new RegExp(`^  ${name} +(http\\S+)`, "m").exec(running.output())?.[1];
}

async function readPostmasterPid(dir: string): Promise<number> {
  return Number((await readFile(join(dir, "postgres/postmaster.pid"), "utf8")).split("\n")[0]);
}

async function readChildren(pid: number): Promise<number[]> {
  if (process.platform === "linux") {
    const text = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
    return text.trim().split(" ").map(Number);
  }
  const { stdout } = await promisify(execFile)("pgrep", ["-P", String(pid)]);
  return stdout.trim().split("\n").map(Number);
}

/** Returns the processes that still run. A zombie does not run any more. */
export async function findAlive(pids: readonly number[]): Promise<number[]> {
  const alive = await Promise.all(pids.map(async (pid) => ((await isAlive(pid)) ? [pid] : [])));
  return alive.flat();
}

async function isAlive(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => ") S");
  return !stat.slice(stat.lastIndexOf(")")).startsWith(") Z");
}

export async function untilGone(pids: readonly number[]): Promise<void> {
  await waitFor(`the end of ${pids}`, async () => ((await findAlive(pids)).length === 0 ? true : undefined));
}

/** Returns the process that runs a program whose path contains `part`. */
export async function findByCommand(pids: readonly number[], part: string): Promise<number> {
  for (const pid of pids) if ((await readCommand(pid)).includes(part)) return pid;
  throw new Error(`None of the processes ${pids} runs ${part}`);
}

async function readCommand(pid: number): Promise<string> {
  if (process.platform === "linux") return readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  const { stdout } = await promisify(execFile)("ps", ["-ww", "-o", "args=", "-p", String(pid)]);
  return stdout;
}

type PageState = { people: { id: string; cause: string | null; row: { profile: object | null } | null }[] };

/** A user as the simulator's page shows it. */
export async function readPerson(
  system: Standalone,
  id: string,
): Promise<PageState["people"][number] | undefined> {
  const answer = await fetch(`${system.pageUrl}/page/state`);
  // The cast is not checked: a missing property fails the test.
  const { people } = (await answer.json()) as PageState;
  return people.find((person) => person.id === id);
}

export function untilProvisioned(system: Standalone, id: string) {
  return waitFor(`a profile of ${id}`, async () => {
    const person = await readPerson(system, id);
    return person?.row?.profile ? person : undefined;
  });
}

export function untilSaid(system: RunningProcess, pattern: RegExp, timeoutMs?: number): Promise<true> {
  const ask = async () => {
    if (pattern.test(system.output())) return true as const;
    throw new Error(system.output().slice(-2_000));
  };
  return waitFor(`${pattern} in the output`, ask, timeoutMs);
}
