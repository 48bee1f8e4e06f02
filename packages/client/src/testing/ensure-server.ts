import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buildOrganization, buildProfile, buildUser } from "../testing.ts";
import type { EnsureReady } from "../wire.ts";

/** A call of ensure that the server received. */
export type SeenCall = {
  token: string;
  language: string | undefined;
  traceparent: string | undefined;
  closed: () => boolean;
};

type Reply = { status: number; body?: unknown; headers?: Record<string, string> };

/** The server's behaviour for one call: answer, break the connection, or never answer. */
export type Behaviour = Reply | "break" | "hang" | ((call: SeenCall) => Reply | Promise<Reply>);

export type EnsureServer = {
  url: string;
  calls: SeenCall[];
  /** Sets the behaviours of the next calls, one each; the last one stays. */
  will(...behaviours: Behaviour[]): void;
  stop(): Promise<void>;
};

/** A real HTTP server on 127.0.0.1 that answers `POST /api/ensure` as set by `will`. */
export async function startEnsureServer(): Promise<EnsureServer> {
  const calls: SeenCall[] = [];
  let script: Behaviour[] = [];
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  // A port is an AddressInfo unless the server listens on a pipe.
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    will: (...behaviours) => {
      script = behaviours;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== "POST" || request.url !== "/api/ensure") return void response.writeHead(404).end();
    const call: SeenCall = {
      token: request.headers.authorization?.replace(/^Bearer /, "") ?? "",
      language: request.headers["accept-language"],
      traceparent: [request.headers["traceparent"]].flat()[0],
      closed: () => response.destroyed && !response.writableFinished,
    };
    calls.push(call);
    const behaviour = script.length > 1 ? script.shift() : script[0];
    if (behaviour === "break") return void request.socket.destroy();
    if (behaviour === "hang" || !behaviour) return;
    const reply = typeof behaviour === "function" ? await behaviour(call) : behaviour;
    const text = typeof reply.body === "string" ? reply.body : JSON.stringify(reply.body);
    response.writeHead(reply.status, { "content-type": "application/json", ...reply.headers }).end(text);
  }
}

/** A token in the form of Clerk's tokens, with an invalid signature. @param organizationId the active organization */
export function makeToken(
  userId: string,
  nonce: string | number = 0,
  organizationId?: string | null,
): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const active = organizationId && { v: 2, o: { id: organizationId } };
  return `${part({ alg: "RS256" })}.${part({ sub: userId, nonce, name: "Ação >>> ???", ...active })}.signature`;
}

export function ready(userId: string, change: Partial<EnsureReady> = {}): Reply {
  return { status: 200, body: { ...readyBody(userId), ...change } };
}

/** The answer to a user in an organization, or in the personal account, of an app with organizations. */
export function readyIn(userId: string, clerkOrgId: string | null): Reply {
  const organization = clerkOrgId === null ? null : buildOrganization({ clerkOrgId });
  return ready(userId, { organization });
}

export const pending: Reply = {
  status: 202,
  body: { success: false, status: "pending" },
  headers: { "retry-after": "0" },
};

export function failure(status: number, code = "internal", headers: Record<string, string> = {}): Reply {
  const body = { error: { code, message: `Sentence of ${code}.` }, requestId: "req_1" };
  return { status, body, headers };
}

function readyBody(clerkId: string): EnsureReady {
  const user = buildUser({ clerkId, name: clerkId });
  return {
    success: true,
    created: false,
    user,
    mentorado: buildProfile({ id: 2, nomeCompleto: `Profile of ${clerkId}` }),
  };
}
