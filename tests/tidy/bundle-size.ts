import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const client = fileURLToPath(new URL("../../packages/client/src", import.meta.url));

/** What an app has anyway. Everything else counts, so that a dependency cannot come along unseen. */
const peers = ["react", "react/*", "@tanstack/react-query"];

/** How many bytes a browser loads of the client for this code: bundled, minified and gzipped, without peers. */
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
  // gzip of nothing has a header.
  return bundle?.text.trim() ? gzipSync(bundle.contents).byteLength : 0;
}
