import { type BuildOptions, build } from "esbuild";

/** Values that CommonJS packages use and ES modules lack. */
const commonJs = [
  'import { createRequire as createRequireOfBundle } from "node:module";',
  "const require = createRequireOfBundle(import.meta.url);",
  "const __filename = import.meta.filename;",
  "const __dirname = import.meta.dirname;",
].join("\n");

/** Bundles each entry point with all its imports into one module for Node. */
export async function bundle(
  options: Omit<BuildOptions, "bundle" | "format" | "platform" | "target" | "banner" | "logLevel">,
): Promise<void> {
  await build({
    ...options,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    banner: { js: commonJs },
    logLevel: "warning",
  });
}
