import type { IncomingMessage, ServerResponse } from "node:http";
import { createHTTPHandler } from "@trpc/server/adapters/standalone";
import { createContextOf } from "./context.ts";
import { describeCause } from "./describe-cause.ts";
import type { AppRouter } from "./router.ts";

export const trpcPath = "/trpc/";

type TrpcHandlerOptions = {
  router: AppRouter;
  keys: Parameters<typeof createContextOf>[0];
  /** Receives a line for each failed call. */
  log(line: string): void;
};

/** Answers the page's queries below `/trpc/`. */
export function createTrpcHandler(
  options: TrpcHandlerOptions,
): (request: IncomingMessage, response: ServerResponse) => void {
  return createHTTPHandler<AppRouter>({
    router: options.router,
    createContext: createContextOf(options.keys),
    basePath: trpcPath,
    // One request is a limited amount of work. The page has two queries, and sends them in one batch.
    maxBatchSize: 10,
    maxBodySize: 64 * 1024,
    // Each answer belongs to one user.
    responseMeta: () => ({ headers: { "cache-control": "no-store" } }),
    onError: ({ path, error }) => options.log(`${namePath(path)}: ${error.code}${describeCause(error)}`),
  });
}

/** The path comes from the caller, and could hold line breaks or move the cursor of a terminal. */
function namePath(path: string | undefined): string {
  return path !== undefined && /^[\w.]{1,60}$/.test(path) ? path : "a call without a valid name";
}
