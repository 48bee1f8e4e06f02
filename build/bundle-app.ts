import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { bundle } from "./bundle.ts";

/** Each app that is a process of its own, and its programs: compiled to `dist/modules`, bundled to `dist`. */
export const programs = {
  api: ["main"],
  worker: ["main"],
  cli: ["main", "migrate/main"],
} as const;

export type AppName = keyof typeof programs;

/** These packages read files beside their own modules. */
const unbundled = ["@bull-board/*"];

/**
 * Bundles each program with all its imports into one file. Without the bundle, Node loads 1,300 to 1,600 modules, which
 * takes two thirds of the start-up time of a process and nearly all the time of a CLI command.
 *
 * @param root holds `apps` and `node_modules`, as the repository does
 */
export async function bundleApp(root: string, app: AppName): Promise<void> {
  const dist = join(root, "apps", app, "dist");
  const { version } = JSON.parse(await readFile(new URL("../package.json", import.meta.url), "utf8"));
  await bundle({
    absWorkingDir: root,
    entryPoints: programs[app].map((program) => ({
      in: join(dist, "modules", `${program}.js`),
      out: program,
    })),
    outdir: dist,
    external: unbundled,
    define: { ROLLCALL_VERSION: JSON.stringify(version) },
    sourcemap: true,
    sourcesContent: false,
  });
}
