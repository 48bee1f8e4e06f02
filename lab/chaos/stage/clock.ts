import { existsSync, writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { ProcessName } from "../plan/process-name.ts";

/** The wall clock of one process, by libfaketime. Its monotonic clock goes on as it is. */
export type Clock = {
  environment: Readonly<Record<string, string>>;
  /** Sets the process' clock this much ahead of the machine's, or behind it, within a second. */
  jump(offsetS: number): void;
};

/** @returns undefined without libfaketime */
export async function findFaketime(): Promise<string | undefined> {
  const folders = await readdir("/usr/lib").catch(() => []);
  return folders
    .map((one) => join("/usr/lib", one, "faketime/libfaketimeMT.so.1"))
    .find((path) => existsSync(path));
}

export function createClock(library: string, folder: string, process: ProcessName): Clock {
  const file = join(folder, `${process}.clock`);
  const jump = (offsetS: number) => writeFileSync(file, `${offsetS < 0 ? "" : "+"}${offsetS}\n`);
  jump(0);
  return {
    environment: {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: file,
      // The library reads the file again after this many seconds. Reading it at each call costs 4 µs a call.
      FAKETIME_CACHE_DURATION: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
    },
    jump,
  };
}
