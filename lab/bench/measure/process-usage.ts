import { readdir, readFile } from "node:fs/promises";

/** What the kernel calls a clock tick is 10 ms on every Linux that Node runs on. */
const usPerTick = 10_000;

/** CPU time of a process and all its threads so far, user and system; microseconds, in steps of 10 ms. */
export async function readCpuUs(pid: number): Promise<number> {
  const fields = await readStat(pid);
  return (Number(fields[11]) + Number(fields[12])) * usPerTick;
}

/** The same of a process and its children, those that have ended included: a Postgres is many of them. */
export async function readTreeCpuUs(pid: number): Promise<number> {
  const fields = await readStat(pid);
  const ended = (Number(fields[13]) + Number(fields[14])) * usPerTick;
  const pids = (await readdir("/proc")).map(Number).filter((one) => one > 0);
  const living = await Promise.all(
    // One may end meanwhile.
    pids.map(async (one) =>
      (await readParent(one).catch(() => 0)) === pid ? readCpuUs(one).catch(() => 0) : 0,
    ),
  );
  return (await readCpuUs(pid)) + ended + living.reduce((sum, us) => sum + us, 0);
}

/** Who started a process. */
export async function readParent(pid: number): Promise<number> {
  return Number((await readStat(pid))[1]);
}

/** Fields of `proc_pid_stat(5)`, from the third one on. */
async function readStat(pid: number): Promise<string[]> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  // The second field is the name in parentheses, which may hold spaces: the third one begins behind it.
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

/** The most memory that a process ever had resident; megabytes. */
export async function readPeakRssMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1_024;
}
