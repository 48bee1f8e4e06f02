import { readdir, readFile } from "node:fs/promises";
import { extname, join, relative } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import helmet from "@fastify/helmet";
import { AppError } from "@rollcall/contracts";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";

type ConsoleFile = { content: Buffer; zipped: Buffer; type: string };

/** The built console in memory, by path: no request path reaches another file, and no request reads the disk. */
export type ConsoleFiles = ReadonlyMap<string, ConsoleFile>;

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".woff2": "font/woff2",
};

const zip = promisify(gzip);

/** @returns undefined if the folder has no index.html: the console is not built */
export async function loadConsoleFiles(folder: string): Promise<ConsoleFiles | undefined> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = await Promise.all(
    entries
      .filter((entry) => entry.isFile() && extname(entry.name) !== ".map")
      .map(async ({ parentPath, name }): Promise<[string, ConsoleFile]> => {
        const content = await readFile(join(parentPath, name));
        const path = relative(folder, join(parentPath, name)).replaceAll("\\", "/");
        const type = types[extname(name)] ?? "application/octet-stream";
        return [path, { content, zipped: await zip(content), type }];
      }),
  );
  const found = new Map(files);
  return found.has("index.html") ? found : undefined;
}

/** Only files of our own, none of them inline. The page has no form that a browser sends by itself. */
const contentSecurityPolicy = {
  useDefaults: false,
  directives: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    imgSrc: ["'self'"],
    fontSrc: ["'self'"],
    connectSrc: ["'self'"],
    baseUri: ["'none'"],
    formAction: ["'none'"],
    frameAncestors: ["'none'"],
  },
};

const hashed = /^assets\//;
const forEver = "public, max-age=31536000, immutable";

/**
 * Serves the page for every path of the scope that no other route has, because the page's own router reads the path. It
 * holds no data, so it needs no login.
 */
export async function registerConsole(scope: FastifyInstance, files: ConsoleFiles): Promise<void> {
  await scope.register(helmet, { contentSecurityPolicy, frameguard: { action: "deny" } });
  scope.get("/", (request, reply) => sendFile(request, reply, "index.html"));
  scope.get<{ Params: { "*": string } }>("/*", (request, reply) => {
    const path = request.params["*"];
    if (files.has(path)) return sendFile(request, reply, path);
    // A page of an older version looks for its own files. It gets no page in place of a script.
    if (hashed.test(path)) throw new AppError("request.not_found", "No such file of the console");
    return sendFile(request, reply, "index.html");
  });

  function sendFile({ headers }: FastifyRequest, reply: FastifyReply, path: string): FastifyReply {
    const file = files.get(path);
    if (!file) throw new AppError("request.not_found", "No such file of the console");
    reply.headers({
      "content-type": file.type,
      "cache-control": hashed.test(path) ? forEver : "no-cache",
      vary: "accept-encoding",
    });
    if (!takesGzip.test(String(headers["accept-encoding"] ?? ""))) return reply.send(file.content);
    return reply.header("content-encoding", "gzip").send(file.zipped);
  }
}

const takesGzip = /\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/;
