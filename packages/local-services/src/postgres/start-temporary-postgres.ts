import { chmod, lstat, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isAlive } from "./process-identity.ts";
import { removePostgres } from "./remove-postgres.ts";
import { type PostgresOptions, type PostgresServer, startPostgres } from "./start-postgres.ts";

/** For data that nobody will miss: nothing waits for a disk. */
const CARELESS = { fsync: "off", synchronous_commit: "off", full_page_writes: "off" };

/**
 * A throwaway cluster in a folder of its own under the system's temp folder; stop() removes it with everything in it.
 * Also ends and removes those of processes that were killed before they could. Not safe against power cuts. Throws like
 * startPostgres, and then leaves nothing behind.
 */
export async function startTemporaryPostgres(
  options: Omit<PostgresOptions, "dataDir" | "sync"> = {},
): Promise<PostgresServer> {
  await removeOrphans();
  const folder = await mkdtemp(join(tmpdir(), `rollcall-postgres-${process.pid}-`));
  // As root the server may run under another uid, which must pass; the cluster itself stays closed.
  await chmod(folder, 0o711);
  const dataDir = join(folder, "data");
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    const settings = { ...CARELESS, ...options.settings };
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
    // The temp folder is everybody's: only what is ours may be believed.
    const found = await lstat(folder).catch(() => undefined);
    if (found === undefined || !found.isDirectory() || found.uid !== process.getuid?.()) continue;
    await removePostgres(join(folder, "data"));
    await rm(folder, { recursive: true, force: true });
  }
}
