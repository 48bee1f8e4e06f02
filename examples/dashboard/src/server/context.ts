import { verifyToken } from "@clerk/backend";
import type { Identity } from "@rollcall/client/trpc";
import type { CreateHTTPContextOptions } from "@trpc/server/adapters/standalone";
import type { Configuration } from "./configuration.ts";

export type Context = {
  /** The caller; null without a valid session token. */
  auth: Identity | null;
};

type Keys = Pick<Configuration, "CLERK_JWT_KEY" | "CLERK_AUTHORIZED_PARTIES">;

/** Makes the context of a request. Only a verified session token identifies the caller. */
export function createContextOf(keys: Keys): (options: CreateHTTPContextOptions) => Promise<Context> {
  return async ({ req }) => {
    const token = /^Bearer (\S+)$/i.exec(req.headers.authorization ?? "")?.[1];
    if (token === undefined) return { auth: null };
    try {
      const { sub, sid, sts } = await verifyToken(token, {
        jwtKey: keys.CLERK_JWT_KEY,
        authorizedParties: keys.CLERK_AUTHORIZED_PARTIES,
      });
      // verifyToken accepts both: a token of a JWT template, which names no session, and a session with unfinished tasks.
      if (!sid || sts === "pending") return { auth: null };
      return { auth: { userId: sub, getToken: async () => token } };
    } catch {
      return { auth: null };
    }
  };
}
