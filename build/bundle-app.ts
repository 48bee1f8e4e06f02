import { join } from "node:path";
import { build } from "esbuild";

/** Each app that is a process of its own, and its programs: compiled to `dist/modules`, bundled to `dist`. */
export const programs = {
  api: ["main"],
  worker: ["main"],
  cli: ["main", "migrate/main"],
} as const;

export type AppName = keyof typeof programs;

/** They find files of theirs beside their own modules. */
const unbundled = ["@bull-board/*"];

/** CommonJS packages ask for these, which a module does not have. */
const commonJs = [
  'import { createRequire as createRequireOfBundle } from "node:module";',
  "const require = createRequireOfBundle(import.meta.url);",
  "const __filename = import.meta.filename;",
  "const __dirname = import.meta.dirname;",
].join("\n");

/**
 * Makes one file of each program and all that it imports. Finding and reading those 1,300 to 1,600 modules took Node twice as
 * long as all else before a process was ready, and a command did little else.
 *
 * @param root holds `apps` and `node_modules`, as the repository does
 */
export async function bundleApp(root: string, app: AppName): Promise<void> {
  const dist = join(root, "apps", app, "dist");
  await build({
    absWorkingDir: root,
    entryPoints: programs[app].map((program) => ({
      in: join(dist, "modules", `${program}.js`),
      out: program,
    })),
    outdir: dist,
    bundle: true,
    external: unbundled,
    format: "esm",
    platform: "node",
    target: "node20",
    banner: { js: commonJs },
    sourcemap: true,
    sourcesContent: false,
    logLevel: "warning",
  });
}
