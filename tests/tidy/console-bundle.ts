import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build, type Rolldown } from "vite";

const root = fileURLToPath(new URL("../../apps/console", import.meta.url));

type File = Rolldown.OutputChunk | Rolldown.OutputAsset;

export type ConsoleBundle = {
  html: string;
  /** The gzipped bytes that a browser with an empty cache loads for a page, by the name of its file. */
  firstLoads: ReadonlyMap<string, number>;
  /** All scripts and styles, as one text. */
  code: string;
};

/** Builds the console in memory, so that no older build is measured. */
export async function buildConsole(): Promise<ConsoleBundle> {
  const built = await build({ root, logLevel: "silent", build: { write: false } });
  if (!("output" in built)) throw new Error("vite did not answer with one output");
  const files = new Map<string, File>(built.output.map((file) => [file.fileName, file]));
  const html = textOf(files.get("index.html"));
  const entry = built.output.find((file) => file.type === "chunk" && file.isEntry);
  if (entry?.type !== "chunk") throw new Error("the console has no entry");
  const firstLoads = new Map(
    entry.dynamicImports
      .filter((name) => /-page-/.test(name))
      .map((name) => {
        const loaded = new Set(["index.html", ...collect(entry.fileName, files), ...collect(name, files)]);
        const bytes = [...loaded].map((file) => gzipSync(textOf(files.get(file))).byteLength);
        return [name.replace(/^assets\/|-page-.*$/g, ""), bytes.reduce((sum, size) => sum + size, 0)];
      }),
  );
  const code = [...files.values()].map(textOf).join("\n");
  return { html, firstLoads, code };
}

/** A script with everything that it imports at once, styles included. */
function collect(name: string, files: ReadonlyMap<string, File>, found = new Set<string>()): Set<string> {
  const file = files.get(name);
  if (!file || found.has(name)) return found;
  found.add(name);
  if (file.type !== "chunk") return found;
  for (const style of file.viteMetadata?.importedCss ?? []) found.add(style);
  for (const imported of file.imports) collect(imported, files, found);
  return found;
}

function textOf(file: File | undefined): string {
  if (!file) return "";
  return file.type === "chunk" ? file.code : Buffer.from(file.source).toString();
}
