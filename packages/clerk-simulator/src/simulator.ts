import { randomInt } from "node:crypto";
import Fastify, { type FastifyInstance } from "fastify";
import { createFaults } from "./api/faults.ts";
import { createGate } from "./api/gate.ts";
import { createRateLimiter, defaultRateLimit, type RateLimit } from "./api/rate-limit.ts";
import { createRequestLog } from "./api/request-log.ts";
import { registerApi } from "./api/routes.ts";
import { refuseForeignPages } from "./callers.ts";
import type { ClerkControl, ClerkSimulator } from "./control/control.ts";
import { createLocalControl, type SimulatorParts } from "./control/local-control.ts";
import { registerControl } from "./control/routes.ts";
import { createOrganizationStore } from "./organizations/organization-store.ts";
import { createOrganizations } from "./organizations/organizations.ts";
import { createRandom } from "./random.ts";
import { createTokenMint } from "./sessions.ts";
import type { ClerkUser } from "./users/clerk-user.ts";
import { createHistory, type UserChange } from "./users/history.ts";
import { createUserStore } from "./users/user-store.ts";
import { createUsers } from "./users/users.ts";
import type { WebhookMessage } from "./webhooks/message-log.ts";
import type { WebhookPatch } from "./webhooks/settings.ts";
import { createWebhooks } from "./webhooks/webhooks.ts";

export type ClerkSimulatorOptions = {
  /** 0, the default, means any free port. The server is always on 127.0.0.1. */
  port?: number | undefined;
  /** By default a random key with the prefix `sk_test_`. The prefix decides the rate limit. */
  secretKey?: string | undefined;
  /** Replaces the rate limit of the key's prefix; null: no limit. */
  rateLimit?: RateLimit | null | undefined;
  webhook?: WebhookPatch | null | undefined;
  /**
   * Whether `starting_after` works (the default) or is ignored like an unknown parameter. Clerk's public API description
   * does not name this parameter.
   */
  cursor?: "honoured" | "ignored" | undefined;
  /** Determines ids, synthetic users, lost webhooks and their order. Keys and the webhook secret are always random. */
  seed?: number | undefined;
  /** Milliseconds since the epoch; `Date.now` by default. */
  now?: (() => number) | undefined;
  /** PEM (PKCS 8) of the RSA key that signs session tokens; a new one by default. */
  signingKey?: string | undefined;
  /** Users of an earlier run. */
  users?: readonly ClerkUser[] | undefined;
  /** Called after each change of one user; `user` is null after a deletion. */
  onChange?: ((change: UserChange, userId: string, user: ClerkUser | null) => void) | undefined;
  /** Called for each new message and after each change of its state. */
  onMessage?: ((message: WebhookMessage) => void) | undefined;
  /** Host names by which the simulator may be called, besides `127.0.0.1`, `localhost` and `[::1]`. */
  hosts?: readonly string[] | undefined;
  /** Adds routes to the server before it listens. */
  addRoutes?: ((app: FastifyInstance, control: ClerkControl) => void) | undefined;
};

/**
 * Starts a simulated Clerk: a real HTTP server with Clerk's Backend API, webhooks and session tokens. Tests can inject
 * faults into it. Rejects when the port is taken.
 */
export async function startClerkSimulator(options: ClerkSimulatorOptions = {}): Promise<ClerkSimulator> {
  const seed = options.seed ?? randomInt(2 ** 32);
  const secretKey = options.secretKey ?? `sk_test_${createRandom(seed ^ 1).base62(40)}`;
  const parts = await createParts(options, seed, secretKey);
  const control = createLocalControl(parts);
  const app = createServer(parts, secretKey, seed, options);
  const info = { url: "", port: 0, secretKey, jwtKey: parts.tokens.jwtKey };
  registerControl(app, control, () => info);
  options.addRoutes?.(app, control);
  info.url = await app.listen({ host: "127.0.0.1", port: options.port ?? 0 });
  info.port = Number(new URL(info.url).port);

  async function stop(): Promise<void> {
    parts.faults.heal();
    await parts.webhooks.close();
    await app.close();
  }

  return { ...info, ...control, stop };
}

async function createParts(
  options: ClerkSimulatorOptions,
  seed: number,
  secretKey: string,
): Promise<SimulatorParts> {
  const now = options.now ?? Date.now;
  // Each part has its own random source, so that the calls of one part do not change the values of another.
  const random = createRandom(seed ^ 2);
  const store = createUserStore(seed);
  const history = createHistory(now, (change, userId) => {
    const slot = store.slotOf(userId);
    options.onChange?.(change, userId, slot === null ? null : store.userOf(slot));
  });
  const webhooks = createWebhooks({
    instanceId: `ins_2${random.base62(26)}`,
    random: createRandom(seed ^ 3),
    now,
    onMessage: options.onMessage,
  });
  if (options.webhook != null) webhooks.configure(options.webhook);
  const limit = options.rateLimit === undefined ? defaultRateLimit(secretKey) : options.rateLimit;
  const organizationStore = createOrganizationStore();
  const organizations = createOrganizations({
    store: organizationStore,
    users: store,
    random: createRandom(seed ^ 7),
    now,
    announce: webhooks.announce,
    announcesEnds: () => webhooks.settings().announcesEnds,
  });
  const users = createUsers({
    store,
    history,
    random,
    now,
    announce: webhooks.announce,
    beforeDelete: organizations.removeUser,
  });
  for (const user of options.users ?? []) users.restore(user);
  return {
    store,
    users,
    organizationStore,
    organizations,
    tokens: await createTokenMint({
      issuer: "https://simulator.clerk.accounts.dev",
      random: createRandom(seed ^ 4),
      now,
      signingKey: options.signingKey,
    }),
    webhooks,
    faults: createFaults(createRandom(seed ^ 5), () => ({
      store: store.copy(),
      organizationStore: organizationStore.copy(),
    })),
    limiter: createRateLimiter(limit, now),
    requests: createRequestLog(now),
    history,
    random,
    now,
  };
}

function createServer(
  parts: SimulatorParts,
  secretKey: string,
  seed: number,
  options: ClerkSimulatorOptions,
): FastifyInstance {
  const app = Fastify({
    forceCloseConnections: true,
    bodyLimit: 64 * 1024 * 1024,
    // Clerk answers 404 for a long id of no user. Fastify would answer 414 from 101 characters on.
    routerOptions: { maxParamLength: 500 },
  });
  // First, so that a refused request leaves no trace in the request log or the rate limit.
  refuseForeignPages(app, options.hosts ?? []);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "string" }, parseJson);
  const { store, organizationStore, faults, limiter, requests: log } = parts;
  const stores = { store, organizationStore };
  const gate = createGate({ secretKey, ...stores, faults, limiter, log, random: createRandom(seed ^ 6) });
  registerApi(app, { ...parts, gate, hasCursor: options.cursor !== "ignored" });
  return app;
}

/** Clerk's SDK sends the JSON content type without a body too, so an empty body means no body. */
async function parseJson(_request: unknown, body: string | Buffer): Promise<unknown> {
  if (body.length === 0) return undefined;
  try {
    return JSON.parse(body.toString());
  } catch {
    throw Object.assign(new Error("The body is not JSON"), { statusCode: 400 });
  }
}
