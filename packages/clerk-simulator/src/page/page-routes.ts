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
  "status.js": "text/javascript; charset=utf-8",
  "texts.js": "text/javascript; charset=utf-8",
} as const;

type PageOptions = { apiUrl: string; readState: () => Promise<PageState> };

/** The page at `/`, its files and its state. The page changes users through the routes of the control. */
export function registerPage(app: FastifyInstance, { apiUrl, readState }: PageOptions): void {
  const headers = {
    "content-security-policy": contentSecurityPolicy(apiUrl),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
  };
  const serve = async (reply: FastifyReply, name: keyof typeof files) =>
    reply
      .headers(headers)
      .type(files[name])
      .send(await readFile(new URL(name, staticFolder)));

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

/** `connect-src` holds the api, because the page calls ensure from the browser as an app does. */
function contentSecurityPolicy(apiUrl: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    `connect-src 'self' ${new URL(apiUrl).origin}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}
