import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { Binaries } from "./binaries.ts";
import { CLEAN_ENV, TOOL_FOLDERS } from "./clean-environment.ts";

/**
 * As whom Postgres runs. It refuses to run as root, so for root there are three ways, and which one works depends on
 * the machine: a user namespace, another uid, another uid that keeps the right to pass closed folders.
 */
export type Account = {
  /** Put before every command; empty when there is nothing to change. */
  prefix: string[];
  /** For spawn. */
  ids?: { uid: number; gid: number };
  /** Who must own the cluster's files; undefined: whoever we are. */
  owner?: { uid: number; gid: number };
};

const NOBODY = 65534;

export type Tools = { unshare: string | undefined; setpriv: string | undefined };

/** The system's tools that change who a process is. */
export function findTools(): Tools {
  const find = (name: string) => TOOL_FOLDERS.map((folder) => `${folder}/${name}`).find(existsSync);
  return { unshare: find("unshare"), setpriv: find("setpriv") };
}

/** Throws when the cluster at `dataDir` belongs to somebody whom we cannot become. */
export async function assertOwnable(dataDir: string): Promise<void> {
  const self = process.getuid?.();
  const owner = await stat(dataDir).catch(() => undefined);
  if (self === undefined || self === 0 || owner === undefined || owner.uid === self) return;
  throw new Error(
    `${dataDir} belongs to the user with id ${owner.uid}, and you are ${self}. Start as that user, or delete the folder.`,
  );
}

/** The accounts worth trying for a cluster at `dataDir`, least change first. An existing cluster's owner must keep it. */
export async function listAccounts(dataDir: string, tools: Tools): Promise<Account[]> {
  // Inside, our files look like nobody's; outside, everything stays ours. So closed folders are no obstacle, and neither
  // is a container's user id that has no name, which initdb wants.
  const map = [`--map-user=${NOBODY}`, `--map-group=${NOBODY}`];
  const inside = tools.unshare === undefined ? [] : [{ prefix: [tools.unshare, "--user", ...map, "--"] }];
  if (process.getuid?.() !== 0) return [{ prefix: [] }, ...inside];

  const owner = await stat(dataDir).catch(() => undefined);
  const ownedByRoot = owner === undefined || owner.uid === 0;
  const ids = ownedByRoot ? { uid: NOBODY, gid: NOBODY } : { uid: owner.uid, gid: owner.gid };
  const accounts: Account[] = [...(ownedByRoot ? inside : []), { prefix: [], ids, owner: ids }];
  if (tools.setpriv !== undefined) {
    const who = [`--reuid=${ids.uid}`, `--regid=${ids.gid}`, "--clear-groups"];
    // The bit lets access() heed the capability; without it Postgres does not find itself in a closed folder.
    const bits = "--securebits=+no_setuid_fixup";
    const caps = [bits, "--inh-caps=-all,+dac_override", "--ambient-caps=-all,+dac_override"];
    accounts.push({ prefix: [tools.setpriv, ...who, ...caps, "--"], owner: ids });
  }
  return accounts;
}

/**
 * Looks up files and the user's name as initdb does: with access(), which ignores capabilities, so a program that runs may
 * still not find its neighbours. A cluster that exists needs no name, and may not be the account's yet.
 */
const PROBE = `
  cd "$1" || exit
  if [ -e "$2" ]; then env test -x "$3" && exec "$3" --version; else exec "$4" --show -D "$2"; fi
`;

/** True when `account` can pass to the folder that holds `dataDir`, and run the binaries: found by doing it. */
export function canRun(account: Account, dataDir: string, binaries: Binaries): Promise<boolean> {
  const paths = [dirname(dataDir), dataDir, binaries.postgres, binaries.initdb];
  const [program = "", ...args] = [...account.prefix, "/bin/sh", "-c", PROBE, "sh", ...paths];
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: "/", env: CLEAN_ENV, stdio: "ignore", ...account.ids });
    child.once("error", () => resolve(false));
    child.once("exit", (code) => resolve(code === 0));
  });
}
