import { readdir, readFile, readlink } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

const everyMs = 100;
const established = "01";

/** Has `work` done, and says how many connections a process had at most to each of these local ports meanwhile. */
export async function watchConnections(
  pid: number,
  ports: readonly number[],
  work: () => Promise<unknown>,
): Promise<number[]> {
  const most = ports.map(() => 0);
  let isOver = false;
  const watching = (async () => {
    while (!isOver) {
      const now = await countConnections(pid, ports);
      for (const [index, count] of now.entries()) most[index] = Math.max(most[index] ?? 0, count);
      await sleep(everyMs);
    }
  })();
  // Awaited behind the work; until then its failure is nobody's surprise.
  watching.catch(() => undefined);
  try {
    await work();
  } finally {
    isOver = true;
    await watching;
  }
  return most;
}

async function countConnections(pid: number, ports: readonly number[]): Promise<number[]> {
  const table = await readFile(`/proc/${pid}/net/tcp`, "utf8");
  const sockets = await listSockets(pid);
  const own = table
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode]) => state === established && sockets.has(inode ?? ""));
  return ports.map(
    (port) =>
      own.filter(([, , remote = ""]) => Number.parseInt(remote.split(":")[1] ?? "", 16) === port).length,
  );
}

/** Inodes of the sockets that a process has open. */
async function listSockets(pid: number): Promise<Set<string>> {
  const folder = `/proc/${pid}/fd`;
  const files = await readdir(folder);
  // One may be closed meanwhile.
  const links = await Promise.all(files.map((file) => readlink(`${folder}/${file}`).catch(() => "")));
  return new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []));
}
