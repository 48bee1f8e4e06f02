import { chmod, lstat, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isAlive } from "./process-identity.ts";
import { type PostgresOptions, type PostgresServer, startPostgres } from "./start-postgres.ts";
import { removePostgres } from "./stop-postgres.ts";

/** For data that need not survive a crash: no write waits for the disk. */
const withoutDurability = { fsync: "off", synchronous_commit: "off", full_page_writes: "off" };

/**
 * Starts a throwaway cluster in a new folder under the system's temp folder; stop() removes the folder. Also ends and
 * removes the temporary clusters of processes that were killed. Not safe against power cuts. Throws like startPostgres,
 * and then leaves nothing behind.
 */
export async function startTemporaryPostgres(
  options: Omit<PostgresOptions, "dataDir" | "sync"> = {},
): Promise<PostgresServer> {
  await removeOrphans();
  const folder = await mkdtemp(join(tmpdir(), `rollcall-postgres-${process.pid}-`));
  // Under root the server may run with another uid, which must pass this folder. The cluster itself stays closed.
  await chmod(folder, 0o711);
  const dataDir = join(folder, "data");
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    const settings = { ...withoutDurability, ...options.settings };
    const server = await startPostgres({ ...options, settings, dataDir, sync: false });
    const stop: PostgresServer["stop"] = async (mode = "immediate") => {
      await server.stop(mode);
      await remove();
    };
    return { ...server, stop };
  } catch (error) {
    await removePostgres(dataDir);
    await remove();
    throw error;
  }
}

async function removeOrphans(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const maker = /^rollcall-postgres-(\d+)-\w{6}$/.exec(name)?.[1];
    if (maker === undefined || isAlive(Number(maker))) continue;
    const folder = join(tmpdir(), name);
    // Every user writes to the temp folder, so only folders of our own count.
    const found = await lstat(folder).catch(() => undefined);
    if (found === undefined || !found.isDirectory() || found.uid !== process.getuid?.()) continue;
    await removePostgres(join(folder, "data"));
    await rm(folder, { recursive: true, force: true });
  }
}
