import { join } from "node:path";
import type { Plugin } from "esbuild";
import { bundle } from "./bundle.ts";

/** Each app that is a process of its own, and its programs: compiled to `dist/modules`, bundled to `dist`. */
export const programs = {
  api: ["main"],
  worker: ["main"],
  cli: ["main", "migrate/main"],
} as const;

export type AppName = keyof typeof programs;

/** A program imports it only for OpenTelemetry. It is a file of its own, so that a program without it does not read it. */
const telemetry = {
  name: "open-telemetry",
  module: "packages/observability/dist/telemetry/open-telemetry.js",
};

const keepTelemetryApart: Plugin = {
  name: "telemetry",
  setup: ({ onResolve }) => {
    onResolve({ filter: /\/open-telemetry\.js$/ }, ({ kind }) =>
      kind === "dynamic-import" ? { path: `./${telemetry.name}.js`, external: true } : undefined,
    );
  },
};

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
  await bundle({
    absWorkingDir: root,
    entryPoints: programs[app].map((program) => ({
      in: join(dist, "modules", `${program}.js`),
      out: program,
    })),
    outdir: dist,
    external: unbundled,
    plugins: [keepTelemetryApart],
    sourcemap: true,
    sourcesContent: false,
  });
  // The CLI sends nothing.
  if (app === "cli") return;
  await bundle({
    absWorkingDir: root,
    entryPoints: [{ in: join(root, telemetry.module), out: telemetry.name }],
    outdir: dist,
    // OpenTelemetry's ES modules, of which only what is used is bundled.
    mainFields: ["module", "main"],
  });
}
