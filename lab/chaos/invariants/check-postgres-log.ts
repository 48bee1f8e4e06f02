import { open } from "node:fs/promises";
import type { Violation } from "../ledger.ts";

/**
 * What we provoke: a statement or a wait for a lock that takes too long, a deadlock or serialization failure
 * (which are run again), a connection or a server that is ended; and BM001, with which BullMQ refuses a worker
 * that woke after another had taken its job.
 */
const provoked = new Set([
  "57014",
  "55P03",
  "40P01",
  "40001",
  "57P01",
  "57P02",
  "57P03",
  "25P03",
  "08006",
  "08003",
  "BM001",
]);

/** A statement that Postgres refuses although nobody provoked it is a mistake of ours, even if it is run again. */
export async function checkPostgresLog(logFile: string, from: number): Promise<Violation[]> {
  const log = await readFrom(logFile, from);
  return log.split("\n").flatMap((line) => {
    const [, state, text] =
      /^\S+ \S+ \S+ \[\d+\] (\w{5}) (?:rollcall-\w+|ensure|sync) \| ERROR: {2}(.*)/.exec(line) ?? [];
    return state === undefined || provoked.has(state)
      ? []
      : [{ invariant: "Postgres refuses no statement of ours", what: `${state} ${text}` }];
  });
}

async function readFrom(file: string, from: number): Promise<string> {
  const handle = await open(file);
  try {
    const { size } = await handle.stat();
    const bytes = Buffer.alloc(Math.max(0, size - from));
    await handle.read(bytes, 0, bytes.length, from);
    return bytes.toString("utf8");
  } finally {
    await handle.close();
  }
}
