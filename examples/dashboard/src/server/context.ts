import { verifyToken } from "@clerk/backend";
import type { Identity } from "@rollcall/client/trpc";
import type { CreateHTTPContextOptions } from "@trpc/server/adapters/standalone";
import type { Configuration } from "./configuration.ts";

export type Context = {
  /** Who calls; null without a session token that counts. */
  auth: Identity | null;
};

type Keys = Pick<Configuration, "CLERK_JWT_KEY" | "CLERK_AUTHORIZED_PARTIES">;

/** Makes the context of a request: its session token is verified here, and nothing else says who calls. */
export function createContextOf(keys: Keys): (options: CreateHTTPContextOptions) => Promise<Context> {
  return async ({ req }) => {
    const token = /^Bearer (\S+)$/i.exec(req.headers.authorization ?? "")?.[1];
    if (token === undefined) return { auth: null };
    try {
      const { sub, sid, sts } = await verifyToken(token, {
        jwtKey: keys.CLERK_JWT_KEY,
        authorizedParties: keys.CLERK_AUTHORIZED_PARTIES,
      });
      // verifyToken lets both pass: a token of a JWT template names no session, and who has tasks left is not in yet.
      if (!sid || sts === "pending") return { auth: null };
      return { auth: { userId: sub, getToken: async () => token } };
    } catch {
      return { auth: null };
    }
  };
}
