import { type BuildOptions, build } from "esbuild";

/** CommonJS packages ask for these, which a module does not have. */
const commonJs = [
  'import { createRequire as createRequireOfBundle } from "node:module";',
  "const require = createRequireOfBundle(import.meta.url);",
  "const __filename = import.meta.filename;",
  "const __dirname = import.meta.dirname;",
].join("\n");

/** Makes one module for Node of each entry point and all that it imports. */
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
