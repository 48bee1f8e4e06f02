import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundle } from "../../build/bundle.ts";
import { repository } from "./repository.ts";

export type BundledPrograms = {
  /** @param source one of the bundled programs */
  pathOf(source: URL): string;
  remove(): Promise<void>;
};

/**
 * Bundles each program, written in TypeScript, into one file. It starts with a fifth of the CPU, which counts where tests
 * kill dozens of processes.
 */
export async function bundlePrograms(sources: readonly URL[]): Promise<BundledPrograms> {
  // Inside of node_modules, the bundles find the packages that they load at run time.
  const cache = join(repository, "node_modules/.cache");
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, "rollcall-programs-"));
  await bundle({
    entryPoints: sources.map((source) => fileURLToPath(source)),
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    conditions: ["@rollcall/source"],
  });
  return {
    pathOf: (source) => join(folder, basename(source.pathname).replace(/\.ts$/, ".mjs")),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
