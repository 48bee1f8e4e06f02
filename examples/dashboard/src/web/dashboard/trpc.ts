import { createTRPCClient, httpBatchLink, type TRPCClient } from "@trpc/client";
import { createTRPCContext } from "@trpc/tanstack-react-query";
import type { AppRouter } from "../../server/router.ts";
import type { Session } from "../session/sessions.ts";

export const { TRPCProvider, useTRPC } = createTRPCContext<AppRouter>();

/** A client that speaks for one session alone: a batch that leaves late still carries its own person's token. */
export function createTrpcOf({ getToken }: Session): TRPCClient<AppRouter> {
  const headers = async () => ({ authorization: `Bearer ${(await getToken()) ?? ""}` });
  return createTRPCClient<AppRouter>({ links: [httpBatchLink({ url: "/trpc", headers })] });
}
