import { execFileSync } from "node:child_process";
import { mkdtempSync, rmdirSync } from "node:fs";
import { open, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A file system of its own, so that it can be full while the machine's is not. */
export type SmallDisk = {
  folder: string;
  /** Leaves no byte. Every write that needs room fails with ENOSPC. */
  fill(): Promise<void>;
  /** Makes room again. */
  free(): Promise<void>;
  remove(): void;
};

/**
 * Mounts a tmpfs, which only root may. A limit of a process (RLIMIT_FSIZE) would be no full disk: it bounds each file, and
 * ends the process with SIGXFSZ or EFBIG.
 *
 * @throws Error when this process may not mount
 */
export function mountSmallDisk(megabytes: number): SmallDisk {
  const folder = mkdtempSync(join(tmpdir(), "rollcall-disk-"));
  try {
    const options = `size=${megabytes}m,mode=0755`;
    execFileSync("mount", ["-t", "tmpfs", "-o", options, "rollcall-disk", folder], {
      cwd: tmpdir(),
      stdio: "pipe",
    });
  } catch (error) {
    rmdirSync(folder);
    throw error;
  }
  const filler = join(folder, "filler");
  return {
    folder,
    fill: async () => {
      const file = await open(filler, "a");
      try {
        // A server may free or take some room meanwhile.
        for (let room = await readRoom(folder); room > 0; room = await readRoom(folder))
          await file.write(Buffer.alloc(Math.min(room, 1_048_576)));
      } catch (error) {
        if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
      } finally {
        await file.close();
      }
    },
    free: () => rm(filler, { force: true }),
    remove: () => {
      // Lazily: a server that has just ended may still hold a file.
      execFileSync("umount", ["--lazy", folder], { cwd: tmpdir() });
      rmdirSync(folder);
    },
  };
}

/** Whether this process may mount a small disk. */
export function canMountSmallDisk(): boolean {
  try {
    mountSmallDisk(1).remove();
    return true;
  } catch {
    return false;
  }
}

/** @returns bytes */
async function readRoom(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
