import type { FastifyInstance } from "fastify";
import type { OrganizationStore } from "../organizations/organization-store.ts";
import type { Organizations } from "../organizations/organizations.ts";
import type { Random } from "../random.ts";
import type { TokenMint } from "../sessions.ts";
import type { UserStore } from "../users/user-store.ts";
import type { Users } from "../users/users.ts";
import type { Webhooks } from "../webhooks/webhooks.ts";
import { ClerkApiError, invalidParameter, userNotFound } from "./api-error.ts";
import type { ApiRequest, ApiRoute, createGate } from "./gate.ts";
import { countUsers, listUsers } from "./list-users.ts";
import { registerOrganizations } from "./organization-routes.ts";
import { readCreateBody, readMetadataBody, readUpdateBody } from "./read-body.ts";
import { readUserQuery } from "./user-query.ts";

type ApiContext = {
  store: UserStore;
  users: Users;
  organizationStore: OrganizationStore;
  organizations: Organizations;
  tokens: TokenMint;
  webhooks: Webhooks;
  random: Random;
  gate: ReturnType<typeof createGate>;
  /** False: `starting_after` is ignored. */
  hasCursor: boolean;
};

/** The part of Clerk's Backend API that Rollcall uses. Source: its description of 2026-05-12. */
export function registerApi(app: FastifyInstance, context: ApiContext): void {
  registerUsers(app, context);
  registerOrganizations(app, context);
  registerWebhookApp(app, context);
  app.get(
    "/v1/jwks",
    context.gate(() => JSON.stringify(context.tokens.jwks)),
  );
  app.setNotFoundHandler(
    context.gate(() => {
      throw new ClerkApiError(404, "resource_not_found", "Resource not found");
    }),
  );
}

/**
 * An instance has webhooks once its app at Svix exists. The API makes and removes this app, and makes links to its page.
 * It neither lists nor makes endpoints: that is done by hand, on the page.
 */
function registerWebhookApp(app: FastifyInstance, { gate, webhooks, random }: ApiContext): void {
  const link: ApiRoute = () => {
    if (webhooks.settings().hasApp)
      return JSON.stringify({ svix_url: `https://svix.example/login#key=${random.base62(40)}` });
    throw new ClerkApiError(
      400,
      "svix_app_missing",
      "No Svix apps are associated with the current instance.",
    );
  };
  const create: ApiRoute = (request) => {
    if (webhooks.settings().hasApp)
      throw new ClerkApiError(400, "svix_app_exists", "Only one Svix app is allowed per instance.");
    webhooks.configure({ hasApp: true });
    return link(request);
  };
  const remove: ApiRoute = () => {
    webhooks.configure({ hasApp: false, url: null });
    return "";
  };
  app.post("/v1/webhooks/svix", gate(create));
  app.delete("/v1/webhooks/svix", gate(remove));
  app.post("/v1/webhooks/svix_url", gate(link));
}

function registerUsers(app: FastifyInstance, context: ApiContext): void {
  const { users, gate, hasCursor } = context;

  const list: ApiRoute = ({ params, store }) => {
    if (!hasCursor) params.delete("starting_after");
    const slots = listUsers(store, readUserQuery(params));
    return `[${slots.map(store.jsonOf).join(",")}]`;
  };
  const count: ApiRoute = ({ params, store }) => {
    return JSON.stringify({ object: "total_count", total_count: countUsers(store, readUserQuery(params)) });
  };
  const get: ApiRoute = ({ userId, store }) => store.jsonOf(getSlot(store, userId));
  const create: ApiRoute = ({ body, store }) => {
    const input = readCreateBody(body);
    for (const address of input.emails ?? []) refuseTakenEmail(store, String(address));
    return JSON.stringify(users.create(input));
  };
  const update: ApiRoute = ({ userId, body, store }) => {
    getSlot(store, userId);
    return JSON.stringify(users.update(userId, readUpdateBody(body)));
  };
  const updateMetadata: ApiRoute = ({ userId, body, store }) => {
    const user = store.userOf(getSlot(store, userId));
    return JSON.stringify(users.update(userId, readMetadataBody(body, user)));
  };
  const remove: ApiRoute = ({ userId, store }) => {
    getSlot(store, userId);
    users.delete(userId);
    return JSON.stringify({ object: "user", id: userId, deleted: true });
  };
  const setBanned = (banned: boolean) => {
    return ({ userId, store }: ApiRequest) => {
      getSlot(store, userId);
      return JSON.stringify(users.update(userId, { banned }));
    };
  };

  app.get("/v1/users", gate(list));
  app.post("/v1/users", gate(create));
  app.get("/v1/users/count", gate(count));
  app.get("/v1/users/:id", gate(get));
  app.patch("/v1/users/:id", gate(update));
  app.delete("/v1/users/:id", gate(remove));
  app.patch("/v1/users/:id/metadata", gate(updateMetadata));
  app.post("/v1/users/:id/ban", gate(setBanned(true)));
  app.post("/v1/users/:id/unban", gate(setBanned(false)));
}

function getSlot(store: UserStore, id: string): number {
  const slot = store.slotOf(id);
  if (slot === null) throw userNotFound(id);
  return slot;
}

/** Clerk keeps verified addresses unique. */
function refuseTakenEmail(store: UserStore, address: string): void {
  if (store.slotsWithEmail(address.toLowerCase()).length === 0) return;
  throw invalidParameter(
    "email_address",
    "That email address is taken. Please try another.",
    "form_identifier_exists",
  );
}
