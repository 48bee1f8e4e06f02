import { readdir, readFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { extname, join } from "node:path";
import type { PageConfiguration } from "./configuration.ts";

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
};

type WebFile = { content: Buffer; headers: Record<string, string> };

/**
 * Reads the built page into memory and serves it, so that no request path can reach another file. The page contains its
 * configuration as a block of data and needs no request for it.
 */
export async function loadWebFiles(
  folder: string,
  configuration: PageConfiguration,
): Promise<(request: IncomingMessage, response: ServerResponse) => void> {
  const files = new Map<string, WebFile>();
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  for (const entry of entries.filter((found) => found.isFile())) {
    const path = join(entry.parentPath, entry.name);
    const url = `/${path.slice(folder.length).replaceAll("\\", "/")}`;
    files.set(url, { content: await readFile(path), headers: headersOf(url) });
  }
  const page = files.get("/index.html");
  if (!page) throw new Error(`There is no index.html in ${folder}: build the example first`);
  page.content = Buffer.from(fillIn(page.content.toString(), configuration));
  page.headers["content-security-policy"] = contentSecurityPolicy(configuration);
  files.set("/", page);

  return (request, response) => {
    const file = files.get(request.url?.split("?")[0] ?? "/");
    if (!file || (request.method !== "GET" && request.method !== "HEAD")) {
      response.writeHead(404, { "content-type": "text/plain" }).end("Not found");
      return;
    }
    response.writeHead(200, file.headers).end(request.method === "HEAD" ? undefined : file.content);
  };
}

function headersOf(url: string): Record<string, string> {
  return {
    "content-type": types[extname(url)] ?? "application/octet-stream",
    // Vite puts a hash of the content into the names of assets.
    "cache-control": url.startsWith("/assets/") ? "public, max-age=31536000, immutable" : "no-cache",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
  };
}

function fillIn(html: string, configuration: PageConfiguration): string {
  // A `<` in the data could end the block.
  const json = JSON.stringify(configuration).replaceAll("<", "\\u003c");
  return html.replace(
    '<script id="configuration" type="application/json"></script>',
    () => `<script id="configuration" type="application/json">${json}</script>`,
  );
}

function contentSecurityPolicy({ rollcallUrl, simulatorUrl }: PageConfiguration): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    `connect-src 'self' ${new URL(rollcallUrl).origin} ${new URL(simulatorUrl).origin}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}
