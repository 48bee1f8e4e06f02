import type { RollcallClient } from "@rollcall/client";
import { provisioned } from "@rollcall/client/trpc";
import { initTRPC } from "@trpc/server";
import type { Pool } from "pg";
import type { Context } from "./context.ts";
import { findProfile } from "./find-profile.ts";
import { getCohort } from "./get-cohort.ts";
import { getGoals } from "./get-goals.ts";

const t = initTRPC.context<Context>().create({
  isDev: false,
  // Database errors may quote rows, so their messages stay on the server.
  errorFormatter: ({ shape, error }) =>
    error.code === "INTERNAL_SERVER_ERROR" ? { ...shape, message: "Internal error" } : shape,
});

/** The procedures of the dashboard. Each one has `ctx.user` and `ctx.mentorado`; without them it does not run. */
export function createAppRouter({ pool, rollcall }: { pool: Pool; rollcall: RollcallClient }) {
  const mentoradoProcedure = t.procedure.use(
    provisioned({
      client: rollcall,
      identify: (ctx: Context) => ctx.auth,
      find: (clerkId) => findProfile(pool, clerkId),
    }),
  );
  return t.router({
    goals: mentoradoProcedure.query(({ ctx }) => getGoals(pool, ctx.mentorado.id)),
    cohort: mentoradoProcedure.query(({ ctx }) => getCohort(pool, ctx.mentorado.id)),
  });
}

export type AppRouter = ReturnType<typeof createAppRouter>;
