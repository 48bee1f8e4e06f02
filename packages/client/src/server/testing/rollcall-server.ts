import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type EnsureReady, type ErrorCode, ensureReady, errorTable } from "@rollcall/contracts";

export type Answer = { status: number; body: unknown; headers?: Record<string, string> };

/** An api over real HTTP that says what a test wants; what it may say comes from the contracts. */
export type RollcallServer = {
  url: string;
  /** The tokens it was asked with. */
  tokens: string[];
  /** Decides what it says from now on; undefined: it never answers. */
  answer(decide: (token: string) => Answer | undefined): void;
  /** Nobody listens there any more. */
  stop(): Promise<void>;
};

export async function startRollcallServer(): Promise<RollcallServer> {
  const tokens: string[] = [];
  let decide: (token: string) => Answer | undefined = () => refusal("internal");
  const server = createServer((request, response) => {
    const token = request.headers.authorization?.replace(/^Bearer /, "") ?? "";
    tokens.push(token);
    const answer = decide(token);
    if (answer === undefined) return;
    const text = typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body);
    response.writeHead(answer.status, { "content-type": "application/json", ...answer.headers }).end(text);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo; // It listens on TCP.
  return {
    url: `http://127.0.0.1:${port}`,
    tokens,
    answer(decideNext) {
      decide = decideNext;
    },
    async stop() {
      if (!server.listening) return;
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** 200 for a user, with a profile unless told otherwise. */
export function ready(clerkId: string, change: { profile?: boolean; banned?: boolean } = {}): Answer {
  const at = "2026-01-02T03:04:05.000Z";
  const body: EnsureReady = {
    success: true,
    created: true,
    user: {
      ...{ id: 1, clerkId, email: null, emailVerified: false, name: clerkId, imageUrl: null },
      ...{ role: "user", roleSource: null, tier: "FREE", banned: change.banned ?? false, readTicket: 1 },
      ...{ clerkCreatedAt: at, clerkUpdatedAt: at, deletedAt: null, createdAt: at, updatedAt: at },
    },
    mentorado:
      change.profile === false
        ? null
        : {
            ...{ id: 1, userId: 1, nomeCompleto: `profile of ${clerkId}`, email: null, fotoUrl: null },
            ...{ turma: "neon", ativo: "sim", metaFaturamento: 16_000, metaLeads: 50, metaProcedimentos: 10 },
            ...{ metaPosts: 12, metaStories: 60, linkedAt: at, createdAt: at, updatedAt: at },
          },
  };
  return { status: 200, body: ensureReady.parse(body) };
}

/** An error of the api's, as it says it. */
export function refusal(code: ErrorCode, headers: Record<string, string> = {}): Answer {
  const { status, title } = errorTable[code];
  return { status, headers, body: { error: { code, message: title["pt-BR"] }, requestId: "request" } };
}
