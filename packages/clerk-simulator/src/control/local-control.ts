import type { Faults } from "../api/faults.ts";
import type { RateLimiter } from "../api/rate-limit.ts";
import type { RequestLog } from "../api/request-log.ts";
import type { Random } from "../random.ts";
import { sessionCreated, type TokenMint } from "../sessions.ts";
import type { History } from "../users/history.ts";
import type { UserStore } from "../users/user-store.ts";
import { UnknownUserError, type Users } from "../users/users.ts";
import type { Webhooks } from "../webhooks/webhooks.ts";
import type { ClerkControl } from "./control.ts";

export type SimulatorParts = {
  store: UserStore;
  users: Users;
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
  const { webhooks, faults, limiter, requests, history, tokens } = parts;
  return {
    users: userControl(parts),
    sessions: {
      signIn: async (userId, options) => signIn(parts, userId, options?.silent === true),
      mintToken: tokens.mint,
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

function signIn({ users, webhooks, random, now }: SimulatorParts, userId: string, silent: boolean): string {
  users.recordSignIn(userId);
  const session = sessionCreated(userId, now(), random);
  if (!silent) webhooks.announce("session.created", userId, JSON.stringify(session));
  return session.id;
}
