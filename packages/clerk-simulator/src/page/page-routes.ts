import { readFile } from "node:fs/promises";
import type { FastifyInstance, FastifyReply } from "fastify";
import type { PageState } from "./page-state.ts";
import { staticFolder } from "./static-folder.ts";

const files = {
  "index.html": "text/html; charset=utf-8",
  "style.css": "text/css; charset=utf-8",
  "app.js": "text/javascript; charset=utf-8",
  "clerk.js": "text/javascript; charset=utf-8",
  "person-card.js": "text/javascript; charset=utf-8",
  "sign-in.html": "text/html; charset=utf-8",
  "sign-in.js": "text/javascript; charset=utf-8",
  "status.js": "text/javascript; charset=utf-8",
  "texts.js": "text/javascript; charset=utf-8",
} as const;

type PageOptions = { apiUrl: string; readState: () => Promise<PageState> };

/** The page at `/`, its files and its state. The page changes users through the routes of the control. */
export function registerPage(app: FastifyInstance, { apiUrl, readState }: PageOptions): void {
  // The page calls ensure from the browser as an app does.
  const headers = headersOf([new URL(apiUrl).origin]);
  const serve = (reply: FastifyReply, name: keyof typeof files) => sendFile(reply.headers(headers), name);

  app.get("/", (_request, reply) => serve(reply, "index.html"));
  for (const name of Object.keys(files) as (keyof typeof files)[]) {
    app.get(`/page/${name}`, (_request, reply) => serve(reply, name));
  }
  app.get("/page/state", async (_request, reply) =>
    reply
      .headers(headers)
      .header("cache-control", "no-store")
      .send(await readState()),
  );
}

export async function sendFile(reply: FastifyReply, name: keyof typeof files): Promise<FastifyReply> {
  return reply.type(files[name]).send(await readFile(new URL(name, staticFolder)));
}

/** The headers of a page that may call the simulator and `origins`. */
export function headersOf(origins: readonly string[]) {
  return {
    "content-security-policy": [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "img-src 'self' data:",
      ["connect-src 'self'", ...origins].join(" "),
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ].join("; "),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
  };
}
