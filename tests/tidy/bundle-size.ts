import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const client = fileURLToPath(new URL("../../packages/client/src", import.meta.url));

/** Packages that an app has already. Every other import counts, so that a new dependency is measured. */
const peers = ["react", "react/*", "@tanstack/react-query"];

/** The bytes of the client that a browser loads for this code: bundled, minified and gzipped, without peers. */
export async function measureBundle(code: string): Promise<number> {
  const { outputFiles } = await build({
    stdin: { contents: code, resolveDir: client, loader: "ts" },
    bundle: true,
    logLevel: "silent",
    minify: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2022",
    jsx: "automatic",
    external: peers,
  });
  const [bundle] = outputFiles;
  // gzip of an empty text still has a header.
  return bundle?.text.trim() ? gzipSync(bundle.contents).byteLength : 0;
}
