import { readFile } from "node:fs/promises";

/** What the kernel calls a clock tick is 10 ms on every Linux that Node runs on. */
const usPerTick = 10_000;

/** CPU time of a process and all its threads so far, user and system; microseconds, in steps of 10 ms. */
export async function readCpuUs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  // The second field is the name in parentheses, which may hold spaces: the third one begins behind it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * usPerTick;
}

/** The most memory that a process ever had resident; megabytes. */
export async function readPeakRssMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1_024;
}
