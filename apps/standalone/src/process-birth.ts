import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";

/**
 * When the process `pid` began, in whatever form the system says it; undefined when there is none. A pid alone
 * proves nothing, since it is given again; pid and birth together name one process.
 */
export async function readProcessBirth(pid: number): Promise<string | undefined> {
  if (process.platform !== "linux") return readBirthFromPs(pid);
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  // Field 22. The second one, the command, may hold blanks and brackets; the last bracket ends it.
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  // A zombie is a process that has ended.
  return fields?.[0] === "Z" ? undefined : fields?.[19];
}

async function readBirthFromPs(pid: number): Promise<string | undefined> {
  const ps = await promisify(execFile)("ps", ["-o", "lstart=", "-p", String(pid)]).catch(() => undefined);
  return ps?.stdout.trim() || undefined;
}
