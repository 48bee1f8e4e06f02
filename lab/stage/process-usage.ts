import { readdir, readFile } from "node:fs/promises";

/** A clock tick of the kernel is 10 ms on every Linux that Node runs on. */
const usPerTick = 10_000;

/** User and system CPU time of a process with all its threads so far; microseconds, in steps of 10 ms. */
export async function readCpuUs(pid: number): Promise<number> {
  const fields = await readStat(pid);
  return (Number(fields[11]) + Number(fields[12])) * usPerTick;
}

/** CPU time of a process and its children, ended ones included. Postgres has many processes. */
export async function readTreeCpuUs(pid: number): Promise<number> {
  const fields = await readStat(pid);
  const ended = (Number(fields[13]) + Number(fields[14])) * usPerTick;
  const pids = (await readdir("/proc")).map(Number).filter((one) => one > 0);
  const living = await Promise.all(
    // A process may end meanwhile.
    pids.map(async (one) =>
      (await readParent(one).catch(() => 0)) === pid ? readCpuUs(one).catch(() => 0) : 0,
    ),
  );
  return (await readCpuUs(pid)) + ended + living.reduce((sum, us) => sum + us, 0);
}

/** The pid of the parent process. */
export async function readParent(pid: number): Promise<number> {
  return Number((await readStat(pid))[1]);
}

/** Fields of `proc_pid_stat(5)`, from the third one on. */
async function readStat(pid: number): Promise<string[]> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  // The second field is the name in parentheses and may hold spaces. The third field follows the last parenthesis.
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

/** The peak of a process' resident memory; megabytes. */
export async function readPeakRssMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1_024;
}
