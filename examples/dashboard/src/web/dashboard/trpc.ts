import { createTRPCClient, httpBatchLink, type TRPCClient } from "@trpc/client";
import { createTRPCContext } from "@trpc/tanstack-react-query";
import type { AppRouter } from "../../server/router.ts";
import type { Session } from "../session/sessions.ts";

export const { TRPCProvider, useTRPC } = createTRPCContext<AppRouter>();

/** A client for one session: a batch that is sent late still has the token of its own user. */
export function createTrpcOf({ getToken }: Session): TRPCClient<AppRouter> {
  const headers = async () => ({ authorization: `Bearer ${(await getToken()) ?? ""}` });
  return createTRPCClient<AppRouter>({ links: [httpBatchLink({ url: "/trpc", headers, maxItems: 10 })] });
}
