import { randomBytes } from "node:crypto";
import { readdir, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { isAlive } from "./process-identity.ts";

/** A name beside `path` for what will be renamed to it when it is whole; it tells who is making it. */
export function nameUnfinished(path: string): string {
  return `${path}.init-${process.pid}-${randomBytes(4).toString("hex")}`;
}

/** Removes what makers that are gone left unfinished. One whose maker lives is left alone: it may be at work. */
export async function removeUnfinished(path: string): Promise<void> {
  const folder = dirname(path);
  for (const name of await readdir(folder)) {
    if (!name.startsWith(`${basename(path)}.init-`)) continue;
    const maker = /^(\d+)-[0-9a-f]{8}(\.password)?$/.exec(name.slice(basename(path).length + 6))?.[1];
    if (maker === undefined || isAlive(Number(maker))) continue;
    await rm(join(folder, name), { recursive: true, force: true });
  }
}
