import type { Faults } from "../api/faults.ts";
import type { RateLimiter } from "../api/rate-limit.ts";
import type { RequestLog } from "../api/request-log.ts";
import type { OrganizationStore } from "../organizations/organization-store.ts";
import { NoMemberError, type Organizations } from "../organizations/organizations.ts";
import type { Random } from "../random.ts";
import { type SessionTokenInput, sessionCreated, type TokenMint } from "../sessions.ts";
import type { History } from "../users/history.ts";
import type { UserStore } from "../users/user-store.ts";
import { UnknownUserError, type Users } from "../users/users.ts";
import type { Webhooks } from "../webhooks/webhooks.ts";
import type { ClerkControl } from "./control.ts";

export type SimulatorParts = {
  store: UserStore;
  users: Users;
  organizationStore: OrganizationStore;
  organizations: Organizations;
  tokens: TokenMint;
  webhooks: Webhooks;
  faults: Faults;
  limiter: RateLimiter;
  requests: RequestLog;
  history: History;
  random: Random;
  now: () => number;
};

/** The control of a simulator in the same process. It is asynchronous so that errors reject as they do remotely. */
export function createLocalControl(parts: SimulatorParts): ClerkControl {
  const { webhooks, faults, limiter, requests, history } = parts;
  return {
    users: userControl(parts),
    organizations: organizationControl(parts),
    memberships: membershipControl(parts),
    sessions: {
      signIn: async (userId, options) => signIn(parts, userId, options?.silent === true),
      mintToken: async (input) => mintToken(parts, input),
    },
    webhooks: {
      configure: async (patch) => webhooks.configure(patch),
      settings: async () => webhooks.settings(),
      disturb: async (disturbance) => webhooks.disturb(disturbance),
      calm: async () => webhooks.calm(),
      disturbance: async () => webhooks.disturbance(),
      hold: async () => webhooks.hold(),
      release: async (options) => webhooks.release(options),
      list: async (filter) => webhooks.list(filter),
      totals: async () => webhooks.totals(),
      drain: (options) => webhooks.drain(options),
      sign: async (body, options) => webhooks.sign(body, options),
      send: async (type, data) => webhooks.announce(type, "", JSON.stringify(data)),
    },
    faults: {
      add: async (fault) => faults.add(fault),
      remove: async (id) => faults.remove(id),
      heal: async () => faults.heal(),
      list: async () => faults.list(),
    },
    requests: {
      list: async (filter) => requests.list(filter),
      totals: async () => requests.totals(),
      clear: async () => requests.clear(),
      setRateLimit: async (limit) => limiter.set(limit),
      windows: async () => limiter.windows(),
    },
    history: { list: async (filter) => history.list(filter) },
  };
}

function userControl({ users, store }: SimulatorParts): ClerkControl["users"] {
  async function find(id: string) {
    const slot = store.slotOf(id);
    return slot === null ? null : store.userOf(slot);
  }
  return {
    create: async (input, options) => users.create(input, options),
    update: async (id, patch, options) => users.update(id, patch, options),
    delete: async (id, options) => users.delete(id, options),
    ban: async (id) => users.update(id, { banned: true }),
    unban: async (id) => users.update(id, { banned: false }),
    async get(id) {
      const user = await find(id);
      if (user === null) throw new UnknownUserError(id);
      return user;
    },
    find,
    list: async ({ offset = 0, limit = 500 } = {}) =>
      store.byCreation.range(offset, offset + limit).map(store.userOf),
    count: async () => store.byCreation.size(),
    seed: async (count, options) => users.seed(count, options),
  };
}

function organizationControl({
  organizations,
  organizationStore: store,
}: SimulatorParts): ClerkControl["organizations"] {
  return {
    create: async (input, options) => organizations.create(input, options),
    update: async (id, patch, options) => organizations.update(id, patch, options),
    delete: async (id, options) => organizations.delete(id, options),
    async find(id) {
      const stored = store.find(id);
      return stored === undefined ? null : organizations.organizationOf(stored, { withCount: true });
    },
    list: async ({ offset = 0, limit = 500 } = {}) => {
      const page = store.all().slice(offset, offset + limit);
      return page.map((stored) => organizations.organizationOf(stored, { withCount: true }));
    },
    count: async () => store.all().length,
    seed: async (count, options) => organizations.seed(count, options),
  };
}

function membershipControl({
  organizations,
  organizationStore: store,
}: SimulatorParts): ClerkControl["memberships"] {
  return {
    create: async (id, userId, input, options) => organizations.addMember(id, userId, input, options),
    update: async (id, userId, patch, options) => organizations.changeMember(id, userId, patch, options),
    delete: async (id, userId, options) => void organizations.removeMember(id, userId, options),
    async find(id, userId) {
      const slot = store.find(id)?.slotByUser.get(userId);
      return slot === undefined ? null : organizations.membershipOf(slot);
    },
    list: async ({ offset = 0, limit = 500 } = {}) =>
      store.memberships.range(offset, offset + limit).map((slot) => organizations.membershipOf(slot)),
    count: async () => store.memberships.size(),
  };
}

/** The token holds the role of now, as at Clerk: it keeps it when the member is removed later. */
async function mintToken(
  { tokens, organizationStore: store }: SimulatorParts,
  { organizationId, ...input }: SessionTokenInput,
): Promise<string> {
  if (organizationId === undefined) return tokens.mint(input);
  const stored = store.find(organizationId);
  const slot = stored?.slotByUser.get(input.userId);
  if (stored === undefined || slot === undefined) throw new NoMemberError(organizationId, input.userId);
  const { role } = store.membershipOf(slot);
  const organization = { id: organizationId, slug: stored.organization.slug, role };
  return tokens.mint({ organization, ...input });
}

function signIn({ users, webhooks, random, now }: SimulatorParts, userId: string, silent: boolean): string {
  users.recordSignIn(userId);
  const session = sessionCreated(userId, now(), random);
  if (!silent) webhooks.announce("session.created", userId, JSON.stringify(session));
  return session.id;
}
