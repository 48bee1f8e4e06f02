import "../testing/dom.ts";

import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createTRPCClient, httpBatchStreamLink } from "@trpc/client";
import { initTRPC } from "@trpc/server";
import { createHTTPServer } from "@trpc/server/adapters/standalone";
import { createTRPCOptionsProxy } from "@trpc/tanstack-react-query";
import type { ReactNode } from "react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { UserProvisioningProvider } from "../react/user-provisioning-provider.tsx";
import { createRollcallClient } from "../rollcall-client.ts";
import { type EnsureServer, makeToken, ready, startEnsureServer } from "../testing/ensure-server.ts";
import { openPage, type Page } from "../testing/page.ts";
import { until } from "../testing/until.ts";
import { readQueryOwner } from "./query-scope.ts";
import { useAuthedQuery } from "./use-authed-query.ts";

vi.setConfig({ testTimeout: 60_000 });

const t = initTRPC.context<{ userId: string }>().create({ allowOutsideOfServer: true });
/** Ends the open subscriptions. */
let endStories = () => {};
let ended: Promise<void>;
const router = t.router({
  secret: t.procedure
    .input((input) => Number(input))
    .query(({ ctx, input }) => `secret ${input} of ${ctx.userId}`),
  story: t.procedure.query(async function* ({ ctx }) {
    yield `chapter 1 of ${ctx.userId}`;
    await ended;
    yield `chapter 2 of ${ctx.userId}`;
  }),
});

let rollcall: EnsureServer;
let app: ReturnType<typeof createHTTPServer>;
let page: Page;
let queries: QueryClient;
/** Each text that the page showed, with the signed-in user. */
let shown: [userId: string, data: unknown][];

beforeEach(async () => {
  ended = new Promise((resolve) => {
    endStories = resolve;
  });
  rollcall = await startEnsureServer();
  rollcall.will(({ token }) => ready(token === makeToken("user_a") ? "user_a" : "user_b"));
  app = createHTTPServer({ router, createContext: ({ req }) => ({ userId: String(req.headers["x-user"]) }) });
  await once(app.listen(0, "127.0.0.1"), "listening");
  page = openPage();
  queries = new QueryClient({ defaultOptions: { queries: { retry: false, staleTime: 60_000 } } });
  shown = [];
});
afterEach(async () => {
  page.close();
  queries.clear();
  endStories();
  app.closeAllConnections();
  app.close();
  await rollcall.stop();
});

/** The app's own tRPC client, the source of its `queryOptions()`. */
function createTrpc(userId: string) {
  const { port } = app.address() as AddressInfo; // It listens on TCP.
  const link = {
    ...{ url: `http://127.0.0.1:${port}`, headers: { "x-user": userId } },
    // The document's own fetch would need CORS. Like fetch, tRPC's type allows an undefined signal.
    fetch: (...asked: unknown[]) => fetch(...(asked as Parameters<typeof fetch>)),
  };
  const client = createTRPCClient<typeof router>({ links: [httpBatchStreamLink(link)] });
  return createTRPCOptionsProxy<typeof router>({ client, queryClient: queries });
}

type Shown = (props: { userId: string; trpc: ReturnType<typeof createTrpc> }) => ReactNode;

const Secret: Shown = ({ userId, trpc }) => {
  const { data } = useAuthedQuery(trpc.secret.queryOptions(7));
  shown.push([userId, data]);
  return data;
};

const Story: Shown = ({ userId, trpc }) => {
  const { data } = useAuthedQuery(trpc.story.queryOptions());
  shown.push([userId, data]);
  return data?.join(", ");
};

function signIn(userId: string, Component: Shown): ReturnType<typeof createTrpc> {
  const trpc = createTrpc(userId);
  page.render(
    <QueryClientProvider client={queries}>
      <UserProvisioningProvider
        client={createRollcallClient({ baseUrl: rollcall.url, retryDelaysMs: [] })}
        auth={{ isLoaded: true, userId, getToken: async () => makeToken(userId) }}
      >
        <Component userId={userId} trpc={trpc} />
      </UserProvisioningProvider>
    </QueryClientProvider>,
  );
  return trpc;
}

const cachedUsers = () =>
  queries
    .getQueryCache()
    .getAll()
    .map(({ queryKey }) => readQueryOwner(queryKey)?.userId);
const ofOthers = () => shown.filter(([who, data]) => data && !JSON.stringify(data).includes(`of ${who}`));

test("a procedure gets its input, is found by its filter, and is cached per user", async () => {
  const trpc = signIn("user_a", Secret);
  await page.untilText("secret 7 of user_a");
  const updates = () => queries.getQueryCache().getAll()[0]?.state.dataUpdateCount;
  await queries.invalidateQueries(trpc.secret.queryFilter(7));
  await until("the second answer", () => updates() === 2 || undefined);
  await queries.invalidateQueries(trpc.pathFilter());
  await until("the third answer", () => updates() === 3 || undefined);
  signIn("user_b", Secret);
  await page.untilText("secret 7 of user_b");
  expect(ofOthers()).toEqual([]);
});

test("an answer in parts is shown part by part, and B sees no part of A's answer", async () => {
  signIn("user_a", Story);
  await page.untilText("chapter 1 of user_a");
  expect(cachedUsers()).toEqual(["user_a"]);
  signIn("user_b", Story);
  await page.untilText("chapter 1 of user_b");
  endStories();
  await page.untilText("chapter 1 of user_b, chapter 2 of user_b");
  expect(ofOthers()).toEqual([]);
  expect(cachedUsers()).toEqual(["user_b"]);
});
