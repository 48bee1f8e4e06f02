import { getAuth } from "@clerk/express";
import { createRollcallClient } from "@rollcall/client";
import { type Identity, provisioned } from "@rollcall/client/trpc";
import { initTRPC } from "@trpc/server";
import type { Request } from "express";
import { findProfile } from "../../database";

type Context = { auth: Identity };
export const createContext = ({ req }: { req: Request }): Context => ({ auth: getAuth(req) });

const t = initTRPC.context<Context>().create();

const mentoradoProcedure = t.procedure.use(
  provisioned({
    client: createRollcallClient({ baseUrl: process.env.ROLLCALL_URL ?? "", retryDelaysMs: [] }),
    identify: (ctx: Context) => ctx.auth,
    find: (clerkId) => findProfile(clerkId),
  }),
);

export const appRouter = t.router({
  overview: mentoradoProcedure.query(({ ctx }) => ({ nomeCompleto: ctx.mentorado.nomeCompleto })),
});
export type AppRouter = typeof appRouter;
