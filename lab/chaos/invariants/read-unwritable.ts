import { readFile } from "node:fs/promises";
import type { Stage } from "../stage/stage.ts";

/** Whom a reconcile run could not write at some time, as the workers say, mostly since a row was locked for long. */
export async function readUnwritable({ processes }: Stage): Promise<ReadonlySet<string>> {
  const { worker0, worker1 } = processes;
  const logs = await Promise.all([worker0, worker1].map(({ logFile }) => readFile(logFile, "utf8")));
  const lines = logs
    .flatMap((log) => log.split("\n"))
    .filter((line) => line.includes('"mentorado_creation_failed"') && line.includes('"cause":"reconcile"'));
  return new Set(lines.flatMap((line) => /"clerkId":"([^"]*)"/.exec(line)?.[1] ?? []));
}
