import { join, relative } from "node:path";
import { type BuildOptions, build } from "esbuild";

/** Each program of the package and its entry point: the compiled modules, not the apps' own bundles. */
const programs = {
  rollcall: "apps/cli/dist/modules/main.js",
  migrate: "apps/cli/dist/modules/migrate/main.js",
  api: "apps/api/dist/modules/main.js",
  worker: "apps/worker/dist/modules/main.js",
  dev: "apps/standalone/dist/main.js",
  simulator: "packages/clerk-simulator/dist/page/main.js",
  // `dev` loads it into each process that it starts.
  guard: "apps/standalone/dist/processes/guard.js",
};

/** The modules that say where files are, and those of `apps/rollcall/src` that say it for the package. */
const replaced: Readonly<Record<string, string>> = {
  "packages/db/dist/sql-folder.js": "sql-folder.ts",
  "packages/clerk-simulator/dist/page/static-folder.js": "static-folder.ts",
  "apps/api/dist/modules/console-folder.js": "console-folder.ts",
  "apps/cli/dist/modules/program-places.js": "program-places.ts",
  "apps/standalone/dist/places.js": "places.ts",
};

type Plugin = NonNullable<BuildOptions["plugins"]>[number];

function isTelemetry(path: string): boolean {
  return /^(?:node_modules\/)?@opentelemetry\//.test(path);
}

/** A package on npm that a program imports, and the folder of the workspace that imports it, from the root. */
export type NpmImport = { name: string; workspace: string };

/**
 * Bundles our own packages into the programs. What is on npm stays an import.
 *
 * @throws Error if a module that must be replaced is in no program
 */
export async function bundlePrograms(root: string, outdir: string): Promise<NpmImport[]> {
  const found = new Set<string>();
  const npm = new Map<string, NpmImport>();
  const places: Plugin = {
    name: "places",
    setup: ({ onLoad, onResolve }) => {
      onLoad({ filter: /\.js$/ }, ({ path }) => {
        const module = relative(root, path);
        const file = replaced[module];
        if (file === undefined) return undefined;
        found.add(module);
        return { contents: `export * from "./${file}";`, resolveDir: join(root, "apps/rollcall/src") };
      });
      onResolve({ filter: /^[^./]/ }, ({ path, importer, kind }) => {
        if (kind === "entry-point" || path.startsWith("@rollcall/")) return undefined;
        // Installed, OpenTelemetry is 27 MB, of which a process needs one file, and only with a collector.
        if (isTelemetry(path) || isTelemetry(relative(root, importer))) return undefined;
        if (!path.startsWith("node:")) {
          const name = path
            .split("/")
            .slice(0, path.startsWith("@") ? 2 : 1)
            .join("/");
          const workspace = relative(root, importer).split("/").slice(0, 2).join("/");
          npm.set(`${name} ${workspace}`, { name, workspace });
        }
        return { path, external: true };
      });
    },
  };
  await build({
    absWorkingDir: root,
    entryPoints: Object.entries(programs).map(([out, path]) => ({ in: join(root, path), out })),
    outdir,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    chunkNames: "[name]-[hash]",
    // OpenTelemetry's ES modules: what the programs require would need a `require`.
    mainFields: ["module", "main"],
    logLevel: "warning",
    plugins: [places],
  });
  const missing = Object.keys(replaced).filter((module) => !found.has(module));
  if (missing.length > 0) throw new Error(`No program holds ${missing.join(", ")}`);
  return [...npm.values()];
}
