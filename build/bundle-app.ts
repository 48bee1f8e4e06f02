import { join } from "node:path";
import { bundle } from "./bundle.ts";

/** Each app that is a process of its own, and its programs: compiled to `dist/modules`, bundled to `dist`. */
export const programs = {
  api: ["main"],
  worker: ["main"],
  cli: ["main", "migrate/main"],
} as const;

export type AppName = keyof typeof programs;

/** They find files of theirs beside their own modules. */
const unbundled = ["@bull-board/*"];

/**
 * Makes one file of each program and all that it imports. Finding and reading those 1,300 to 1,600 modules took Node twice as
 * long as all else before a process was ready, and a command did little else.
 *
 * @param root holds `apps` and `node_modules`, as the repository does
 */
export async function bundleApp(root: string, app: AppName): Promise<void> {
  const dist = join(root, "apps", app, "dist");
  await bundle({
    absWorkingDir: root,
    entryPoints: programs[app].map((program) => ({
      in: join(dist, "modules", `${program}.js`),
      out: program,
    })),
    outdir: dist,
    external: unbundled,
    sourcemap: true,
    sourcesContent: false,
  });
}
