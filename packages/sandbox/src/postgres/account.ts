import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { Binaries } from "./binaries.ts";

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
/** Fixed, so that nothing depends on a PATH we would have to be given. */
const TOOL_FOLDERS = ["/usr/bin", "/bin", "/usr/sbin", "/sbin", "/run/current-system/sw/bin"];

/** No LANG, no PG* variables: a cluster must not depend on the shell it was started from. */
export const CLEAN_ENV = { PATH: TOOL_FOLDERS.join(":"), LC_ALL: "C" };

export type Tools = { unshare: string | undefined; setpriv: string | undefined };

/** The system's tools that change who a process is. */
export function findTools(): Tools {
  const find = (name: string) => TOOL_FOLDERS.map((folder) => `${folder}/${name}`).find(existsSync);
  return { unshare: find("unshare"), setpriv: find("setpriv") };
}

/**
 * The accounts worth trying for a cluster at `dataDir`, least change first. An existing cluster decides: Postgres wants to
 * own its files. Throws when it belongs to somebody whom we cannot become.
 */
export async function listAccounts(dataDir: string, tools: Tools): Promise<Account[]> {
  const owner = await stat(dataDir).catch(() => undefined);
  const self = process.getuid?.();
  if (self !== 0) {
    if (owner !== undefined && self !== undefined && owner.uid !== self) {
      throw new Error(
        `${dataDir} belongs to the user with id ${owner.uid}, you are ${self}. Start as that user, or delete the folder.`,
      );
    }
    return [{ prefix: [] }];
  }

  const accounts: Account[] = [];
  const ownedByRoot = owner === undefined || owner.uid === 0;
  if (tools.unshare !== undefined && ownedByRoot) {
    // Inside, root's files look like nobody's; outside, everything still belongs to root. So closed folders are no obstacle.
    const map = [`--map-user=${NOBODY}`, `--map-group=${NOBODY}`];
    accounts.push({ prefix: [tools.unshare, "--user", ...map, "--"] });
  }
  const ids = ownedByRoot ? { uid: NOBODY, gid: NOBODY } : { uid: owner.uid, gid: owner.gid };
  accounts.push({ prefix: [], ids, owner: ids });
  if (tools.setpriv !== undefined) {
    const who = [`--reuid=${ids.uid}`, `--regid=${ids.gid}`, "--clear-groups"];
    const caps = ["--inh-caps=-all,+dac_override", "--ambient-caps=-all,+dac_override"];
    accounts.push({ prefix: [tools.setpriv, ...who, ...caps, "--"], owner: ids });
  }
  return accounts;
}

/** True when `account` can pass to the folder that holds `dataDir` and can run Postgres: found by doing both. */
export function canRun(account: Account, dataDir: string, binaries: Binaries): Promise<boolean> {
  const script = 'cd "$1" && exec "$2" --version';
  const [command = "/bin/sh", ...args] = [
    ...account.prefix,
    ...["/bin/sh", "-c", script, "sh", dirname(dataDir), binaries.postgres],
  ];
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: "/", env: CLEAN_ENV, stdio: "ignore", ...account.ids });
    child.once("error", () => resolve(false));
    child.once("exit", (code) => resolve(code === 0));
  });
}
