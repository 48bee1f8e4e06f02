import { chown, lchown, readdir, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Account, canRun, listAccounts, type Tools } from "./account.ts";
import { type Binaries, completeBinaries, copyBinaries, findBinaries } from "./binaries.ts";

/** Programs, and as whom to run them, that were seen to work for one data folder. */
export type Runtime = { binaries: Binaries; account: Account };

/**
 * Finds binaries and an account that work for the cluster at `dataDir`, and gives an existing one to the account. Not while the cluster's server runs. Throws a sentence to act on when nothing works.
 */
export async function prepareRuntime(dataDir: string, tools: Tools): Promise<Runtime> {
  const installed = await findBinaries();
  const copyTo = `${dataDir}.postgres-${installed.version}`;
  const binaries = await completeBinaries(installed, copyTo);
  const accounts = await listAccounts(dataDir, tools);
  const runtime = (await firstThatRuns(accounts, dataDir, binaries)) ?? (await withCopy());
  if (runtime === undefined) throw new Error(whyNothingRuns(dataDir, binaries));
  if (runtime.account.owner !== undefined) await giveTo(dataDir, runtime.account.owner);
  return runtime;

  /** Another account may not reach a node_modules in a closed folder, while it does reach the data. */
  async function withCopy(): Promise<Runtime | undefined> {
    if (process.getuid?.() !== 0) return undefined;
    const found = await firstThatRuns(accounts, dataDir, await copyBinaries(binaries, copyTo));
    if (found === undefined) await rm(copyTo, { recursive: true, force: true });
    return found;
  }
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

async function giveTo(dataDir: string, owner: { uid: number; gid: number }): Promise<void> {
  const top = await stat(dataDir).catch(() => undefined);
  if (top === undefined || top.uid === owner.uid) return;
  for (const entry of await readdir(dataDir, { recursive: true })) {
    await lchown(join(dataDir, entry), owner.uid, owner.gid);
  }
  // Last: until here an interruption leaves the folder to be given again.
  await chown(dataDir, owner.uid, owner.gid);
}

function whyNothingRuns(dataDir: string, binaries: Binaries): string {
  if (process.getuid?.() === 0) {
    return `Postgres does not run as root, and here root can neither make a user namespace (unshare) nor run it as another user that reaches ${dirname(dataDir)}. Start as an ordinary user, or move the folder to where everybody may pass.`;
  }
  return `${binaries.postgres} does not run here: it needs glibc, a file system mounted without noexec, and a user id that has a name. Use a Postgres of your own.`;
}
