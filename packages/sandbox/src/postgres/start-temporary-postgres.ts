import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type PostgresOptions, type PostgresServer, startPostgres } from "./start-postgres.ts";

/** For data that nobody will miss: nothing waits for a disk. */
const CARELESS = { fsync: "off", synchronous_commit: "off", full_page_writes: "off" };

/**
 * A throwaway cluster in a folder of its own under the system's temp folder; stop() removes it with everything in it.
 * Not safe against power cuts. Throws like startPostgres, and then leaves nothing behind.
 */
export async function startTemporaryPostgres(
  options: Omit<PostgresOptions, "dataDir" | "sync"> = {},
): Promise<PostgresServer> {
  const folder = await mkdtemp(join(tmpdir(), `rollcall-postgres-${process.pid}-`));
  // As root the server may run under another uid, which must pass; the cluster itself stays closed.
  await chmod(folder, 0o711);
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    const settings = { ...CARELESS, ...options.settings };
    const server = await startPostgres({ ...options, settings, dataDir: join(folder, "data"), sync: false });
    const stop: PostgresServer["stop"] = async (mode = "immediate") => {
      await server.stop(mode);
      await remove();
    };
    return { ...server, stop };
  } catch (error) {
    await remove();
    throw error;
  }
}
