import { existsSync } from "node:fs";
import { mkdir, realpath, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { removePostgres } from "@rollcall/local-services";
import { runDemo } from "./demo.ts";
import type { PartStack } from "./parts/part.ts";
import { peopleFileIn } from "./parts/simulator.ts";
import { type StartedSystem, startSystem } from "./parts/start-system.ts";
import { refuseUnknownUsers } from "./parts/unknown-users.ts";
import type { Environment, Settings } from "./settings.ts";
import { StartError } from "./start-error.ts";
import { AlreadyRunningError, takeStartLock } from "./start-lock.ts";
import { formatAddresses } from "./terminal/addresses.ts";
import { createNarrator } from "./terminal/narrator.ts";
import type { Terminal } from "./terminal/terminal.ts";

export type RunOptions = {
  settings: Settings;
  named: Environment;
  dir: string;
  /** `dir` as it is shown on the terminal. */
  shownDir: string;
  fresh: boolean;
  /** Whether the operator accepts that a full sync empties the rows of users that the simulator does not know. */
  emptiesUnknownUsers: boolean;
  terminal: Terminal;
  parts: PartStack;
  /** Aborted by Ctrl-C. */
  signal: AbortSignal;
};

/**
 * Starts the whole system, prints its addresses, and shows events until `signal` is aborted. The caller stops the
 * started `parts`.
 *
 * @throws StartError
 */
export async function run(options: RunOptions): Promise<void> {
  const { settings, terminal, parts, signal } = options;
  await mkdir(options.dir, { recursive: true, mode: 0o755 });
  const dir = await realpath(options.dir);
  // The folder holds secrets, and may be in an app whose own .gitignore does not name it.
  await writeFile(join(dir, ".gitignore"), "*\n");
  const lock = await takeStartLock(join(dir, "running.lock")).catch((error: unknown) => {
    throw error instanceof AlreadyRunningError ? new StartError(explainRunning(error)) : error;
  });
  parts.push({ name: "lock", stop: lock.release, kill: lock.releaseNow });
  // Before anything is removed or written. `--fresh` makes the simulator forget the people that it knows.
  if (!options.emptiesUnknownUsers) await refuseUnknownUsers(settings, dir, options.fresh);
  if (options.fresh) {
    terminal.write(`Starting empty: removing the data in ${options.shownDir}`);
    if (settings.databaseUrl !== undefined) terminal.write("The database of DATABASE_URL stays as it is");
    await removeEarlierData(dir);
  }

  let started: StartedSystem | undefined;
  const narrator = createNarrator({
    show: terminal.showEvent,
    profileName: settings.mapping.profile?.name,
    isSimulated: settings.realClerk === undefined,
    onProvisioned: (userId, cause) => started?.simulator?.noteProvisioning(userId, cause),
  });
  const say = (sentence: string) =>
    started ? terminal.showEvent("bad", sentence) : terminal.write(sentence);
  started = await startSystem({ ...options, dir, leftBehind: lock.leftBehind, narrator, say });
  signal.throwIfAborted();

  terminal.write(`\n${formatAddresses(started.addresses)}`);
  for (const remark of settings.remarks) terminal.write(`Note: ${remark}\n`);
  terminal.write("ready");
  terminal.showEvents();
  const { simulator, apiUrl } = started;
  if (simulator && settings.demo) void runDemo({ simulatorUrl: simulator.url, apiUrl, signal });
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
}

function explainRunning({ message, pid }: AlreadyRunningError): string {
  return `${message}\nStop it first, with Ctrl-C in its terminal or with: kill ${pid}`;
}

/**
 * Removes the data of earlier starts in `dir`, and ends a Postgres that still runs there. The operator chose the
 * folder, so only our own names are removed, and only if `secrets.json` shows that Rollcall used it.
 */
async function removeEarlierData(dir: string): Promise<void> {
  const secrets = join(dir, "secrets.json");
  if (!existsSync(secrets)) return;
  await removePostgres(join(dir, "postgres"));
  for (const path of [join(dir, "logs"), peopleFileIn(dir)]) await rm(path, { recursive: true, force: true });
  // Last, so that an interrupted removal can be repeated.
  await rm(secrets, { force: true });
}
