import type { SimulatedAuth } from "@rollcall/client/simulator";
import { createTRPCClient, httpBatchLink, type TRPCClient } from "@trpc/client";
import { createTRPCContext } from "@trpc/tanstack-react-query";
import type { AppRouter } from "../../server/router.ts";

export const { TRPCProvider, useTRPC } = createTRPCContext<AppRouter>();

/** A client for one user: a batch that is sent late still has the token of its own user. */
export function createTrpcOf({ getToken }: SimulatedAuth): TRPCClient<AppRouter> {
  const headers = async () => ({ authorization: `Bearer ${(await getToken()) ?? ""}` });
  return createTRPCClient<AppRouter>({ links: [httpBatchLink({ url: "/trpc", headers, maxItems: 10 })] });
}
