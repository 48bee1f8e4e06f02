import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { ClerkSimulator } from "@rollcall/clerk-simulator";

/** A request to Clerk. */
export type ClerkRequest = { path: string; parameters: URLSearchParams };

/** Changes an answer. Undefined, or a promise of it: the answer stays. A number: this status, with an error body. */
export type Mangle = (request: ClerkRequest, answer: unknown) => unknown;

/** A proxy in front of Clerk that changes its answers, over real HTTP. */
export type ManglingProxy = {
  url: string;
  mangle(how: Mangle | undefined): void;
  /** Requests for pages of users so far, without requests by id. */
  listed(): URLSearchParams[];
  close(): Promise<void>;
};

export async function startManglingProxy(clerk: ClerkSimulator): Promise<ManglingProxy> {
  let mangle: Mangle | undefined;
  const listed: URLSearchParams[] = [];
  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? "/", clerk.url);
    const asked: ClerkRequest = { path: url.pathname, parameters: url.searchParams };
    if (asked.path === "/v1/users" && !asked.parameters.has("user_id")) listed.push(asked.parameters);
    const { authorization = "" } = request.headers;
    const answer = await fetch(url, { headers: { authorization } });
    const body: unknown = await answer.json();
    const mangled = await mangle?.(asked, body);
    const status = typeof mangled === "number" ? mangled : answer.status;
    const refusal = { errors: [{ code: "mangled", message: "", long_message: "" }] };
    const shown = typeof mangled === "number" ? refusal : (mangled ?? body);
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(shown));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  // A TCP server's address is never a pipe's name.
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    mangle: (how) => {
      mangle = how;
    },
    listed: () => listed,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
