import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { chown, lchown, readdir, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { cleanEnvironment, toolFolders } from "../server-process.ts";
import { type Binaries, completeBinaries, copyBinaries, findBinaries } from "./binaries.ts";

/** Programs, and an account to run them under, that were tried and work for one data folder. */
export type Runtime = { binaries: Binaries; account: Account };

/**
 * The account that Postgres runs under. Postgres refuses to run as root, so root has three ways. Which one works depends
 * on the machine: a user namespace, another uid, or another uid that keeps the right to pass closed folders.
 */
type Account = {
  /** Put before every command; empty when no change of account is needed. */
  prefix: string[];
  /** For spawn. */
  ids?: { uid: number; gid: number };
  /** The required owner of the cluster's files; undefined: this process. */
  owner?: { uid: number; gid: number };
};

/** The uid and gid of the unprivileged user on Linux. */
const unprivilegedId = 65534;

export type Tools = { unshare: string | undefined; setpriv: string | undefined };

/** The system's tools that run a command under another account. */
export function findTools(): Tools {
  const find = (name: string) => toolFolders.map((folder) => `${folder}/${name}`).find(existsSync);
  return { unshare: find("unshare"), setpriv: find("setpriv") };
}

/** Throws when the cluster at `dataDir` belongs to another user and this process cannot become that user. */
export async function assertOwnable(dataDir: string): Promise<void> {
  const self = process.getuid?.();
  const owner = await stat(dataDir).catch(() => undefined);
  if (self === undefined || self === 0 || owner === undefined || owner.uid === self) return;
  throw new Error(
    `${dataDir} belongs to the user with id ${owner.uid}, and you are ${self}. Start as that user, or delete the folder.`,
  );
}

/**
 * Finds binaries and an account that work for the cluster at `dataDir`, and makes the account own an existing cluster.
 * Must not run while the cluster's server runs. When nothing works, throws an error that says what to do.
 */
export async function prepareRuntime(dataDir: string, tools: Tools): Promise<Runtime> {
  const installed = await findBinaries();
  const copyTo = `${dataDir}.postgres-${installed.version}`;
  const binaries = await completeBinaries(installed, copyTo);
  const accounts = await listAccounts(dataDir, tools);
  const runtime = (await firstThatRuns(accounts, dataDir, binaries)) ?? (await withCopy());
  if (runtime === undefined) throw new Error(explainFailure(dataDir, binaries));
  if (runtime.account.owner !== undefined) await giveTo(dataDir, runtime.account.owner);
  return runtime;

  /** Another account may reach the data, but not a node_modules in a closed folder. */
  async function withCopy(): Promise<Runtime | undefined> {
    if (process.getuid?.() !== 0) return undefined;
    const found = await firstThatRuns(accounts, dataDir, await copyBinaries(binaries, copyTo));
    if (found === undefined) await rm(copyTo, { recursive: true, force: true });
    return found;
  }
}

/** The accounts worth trying for a cluster at `dataDir`, least change first. An existing cluster keeps its owner. */
async function listAccounts(dataDir: string, tools: Tools): Promise<Account[]> {
  // Inside the namespace our files seem to belong to the unprivileged user; outside they stay ours. Closed folders are
  // therefore no obstacle. Nor is a container's user id without a name, although initdb needs a name.
  const map = [`--map-user=${unprivilegedId}`, `--map-group=${unprivilegedId}`];
  const inside = tools.unshare === undefined ? [] : [{ prefix: [tools.unshare, "--user", ...map, "--"] }];
  if (process.getuid?.() !== 0) return [{ prefix: [] }, ...inside];

  const owner = await stat(dataDir).catch(() => undefined);
  const ownedByRoot = owner === undefined || owner.uid === 0;
  const ids = ownedByRoot ? { uid: unprivilegedId, gid: unprivilegedId } : { uid: owner.uid, gid: owner.gid };
  const accounts: Account[] = [...(ownedByRoot ? inside : []), { prefix: [], ids, owner: ids }];
  if (tools.setpriv !== undefined) {
    const account = [`--reuid=${ids.uid}`, `--regid=${ids.gid}`, "--clear-groups"];
    // With this bit access() respects the capability. Without it Postgres does not find itself in a closed folder.
    const bits = "--securebits=+no_setuid_fixup";
    const caps = [bits, "--inh-caps=-all,+dac_override", "--ambient-caps=-all,+dac_override"];
    accounts.push({ prefix: [tools.setpriv, ...account, ...caps, "--"], owner: ids });
  }
  return accounts;
}

async function firstThatRuns(
  accounts: Account[],
  dataDir: string,
  binaries: Binaries,
): Promise<Runtime | undefined> {
  for (const account of accounts) {
    if (await canRun(account, dataDir, binaries)) return { binaries, account };
  }
  return undefined;
}

/**
 * Checks files and the user's name with access(), as initdb does. access() ignores capabilities, so a program that runs
 * may still not find its neighbours. An existing cluster needs no name, and the account may not own it yet.
 */
const probe = `
  cd "$1" || exit
  if [ -e "$2" ]; then env test -x "$3" && exec "$3" --version; else exec "$4" --show -D "$2"; fi
`;

/** True when a command under `account` reaches the folder that holds `dataDir` and runs the binaries. */
function canRun(account: Account, dataDir: string, binaries: Binaries): Promise<boolean> {
  const paths = [dirname(dataDir), dataDir, binaries.postgres, binaries.initdb];
  const [program = "", ...args] = [...account.prefix, "/bin/sh", "-c", probe, "sh", ...paths];
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: "/",
      env: cleanEnvironment,
      stdio: "ignore",
      ...account.ids,
    });
    child.once("error", () => resolve(false));
    child.once("exit", (code) => resolve(code === 0));
  });
}

async function giveTo(dataDir: string, owner: { uid: number; gid: number }): Promise<void> {
  const top = await stat(dataDir).catch(() => undefined);
  if (top === undefined || top.uid === owner.uid) return;
  for (const entry of await readdir(dataDir, { recursive: true })) {
    await lchown(join(dataDir, entry), owner.uid, owner.gid);
  }
  // The folder comes last: after an interruption the next start repeats the whole change.
  await chown(dataDir, owner.uid, owner.gid);
}

function explainFailure(dataDir: string, binaries: Binaries): string {
  if (process.getuid?.() === 0) {
    return `Postgres does not run as root. Here root can neither make a user namespace (unshare) nor run Postgres as another user that reaches ${dirname(dataDir)}. Start as an ordinary user, or move the folder to a place that every user may enter.`;
  }
  return `${binaries.postgres} does not run here: it needs glibc, a file system mounted without noexec, and a user id that has a name. Use a Postgres of your own.`;
}
