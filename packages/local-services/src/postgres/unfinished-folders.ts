import { randomBytes } from "node:crypto";
import { readdir, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { isAlive } from "./process-identity.ts";

/** A name beside `path` for a folder that is renamed to `path` when it is complete. The name holds the maker's pid. */
export function nameUnfinished(path: string): string {
  return `${path}.init-${process.pid}-${randomBytes(4).toString("hex")}`;
}

/** Removes the unfinished folders of processes that are gone. The folder of a live process may still be in use. */
export async function removeUnfinished(path: string): Promise<void> {
  const folder = dirname(path);
  for (const name of await readdir(folder)) {
    if (!name.startsWith(`${basename(path)}.init-`)) continue;
    const maker = /^(\d+)-[0-9a-f]{8}(\.password)?$/.exec(name.slice(basename(path).length + 6))?.[1];
    if (maker === undefined || isAlive(Number(maker))) continue;
    await rm(join(folder, name), { recursive: true, force: true });
  }
}
