import { setTimeout as sleep } from "node:timers/promises";
import { AppError } from "@rollcall/contracts";
import { type AdminSession, findAdminSession, openAdminSession, touchAdminSession } from "@rollcall/db";
import { readAddressKey, type Services } from "@rollcall/runtime";
import { countPostgresError } from "@rollcall/sync";
import type { FastifyRequest } from "fastify";
import type { ApiConfig } from "../../config.ts";
import { type Account, type Accounts, readAccounts } from "./accounts.ts";
import { createGuesses } from "./guesses.ts";
import { makeSession, readSession, type SealedSession } from "./session-cookie.ts";

export type OpenSession = SealedSession & { session: AdminSession };

/** How operators get in: by Basic or by a session. Both share one count of wrong passwords. */
export type Access = {
  accounts: Accounts["all"];
  /** @throws AppError `admin.unauthenticated`, or `request.rate_limited` after many wrong passwords */
  checkPassword(request: FastifyRequest, given: { name: string; password: string }): Promise<Account>;
  /**
   * Opens a session with a new id and ends the one that the browser had.
   *
   * @returns `cookie`: the value of its cookie
   * @throws PostgresError
   */
  openSession(request: FastifyRequest, account: Account): Promise<OpenSession & { cookie: string }>;
  /** The open session of the request's cookie. @throws PostgresError: whether it is open is then unknown */
  findSession(request: FastifyRequest): Promise<OpenSession | undefined>;
};

/** @returns undefined while no account is configured */
export function createAccess(
  context: Pick<Services, "pool" | "metrics"> & { config: ApiConfig },
): Access | undefined {
  const accounts = readAccounts(context.config);
  if (accounts.all.length === 0) return undefined;
  const guesses = createGuesses();
  const { pool, metrics } = context;

  async function checkPassword(
    request: FastifyRequest,
    given: { name: string; password: string },
  ): Promise<Account> {
    const address = readAddressKey(request);
    const isGone = () => request.socket.destroyed;
    try {
      const waitMs = guesses.beginAttempt(address);
      if (waitMs > 0) await sleep(waitMs);
      // A guesser that does not wait for the answer does not get one.
      if (isGone()) throw new AppError("admin.unauthenticated", "The caller left", { reason: "left" });
      const found = await accounts.check(given, address, isGone);
      if (typeof found !== "string") return found;
      throw refuse(found, given.name, guesses.countWrong(address));
    } finally {
      guesses.endAttempt(address);
    }
  }

  return {
    accounts: accounts.all,
    checkPassword,
    openSession: async (request, account) => {
      const before = await readSession(request, accounts.all);
      const { value, ...made } = await makeSession(account);
      const session = await openAdminSession(pool, {
        idHash: made.idHash,
        operator: account.name,
        accountHash: await account.readHash(),
        replaces: before?.idHash,
      });
      return { ...made, session, cookie: value };
    },
    findSession: async (request) => {
      const sealed = await readSession(request, accounts.all);
      const session = sealed && (await findAdminSession(pool, sealed.idHash));
      if (!session) return undefined;
      if (isByItself(request)) return { ...sealed, session };
      // A database that only reads for a while must not shut operators out.
      await touchAdminSession(pool, session.id).catch((error: unknown) => countPostgresError(metrics, error));
      return { ...sealed, session };
    },
  };
}

/**
 * Whether a page reads without its operator: the console's stream, what the console reads again without an operator at the
 * page, and the board's counts of every few seconds. Otherwise a page that is left open would never end its session.
 */
function isByItself({ method, headers, url }: FastifyRequest): boolean {
  if (method !== "GET") return false;
  return (
    headers["x-rollcall-console"] === "background" ||
    headers.accept === "text/event-stream" ||
    url.startsWith("/admin/queues/api/")
  );
}

/** The name of an account is logged. Another name is not, because it may be a password in the wrong field. */
function refuse(
  reason: "wrong_password" | "unknown_name",
  name: string,
  retryAfterMs: number | undefined,
): AppError {
  const message = reason === "wrong_password" ? `Wrong password of ${name}` : "No account has this name";
  return retryAfterMs === undefined
    ? new AppError("admin.unauthenticated", message, { reason })
    : new AppError("request.rate_limited", message, { reason, retryAfterMs });
}
