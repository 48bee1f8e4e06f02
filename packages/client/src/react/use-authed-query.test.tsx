import "../testing/dom.ts";

import {
  type DefaultOptions,
  keepPreviousData,
  QueryClient,
  QueryClientProvider,
  type UseQueryOptions,
} from "@tanstack/react-query";
import { type ReactNode, StrictMode } from "react";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { createRollcallClient } from "../rollcall-client.ts";
import { type EnsureServer, failure, makeToken, ready, startEnsureServer } from "../testing/ensure-server.ts";
import { holdBack } from "../testing/hold-back.ts";
import { openPage, type Page } from "../testing/page.ts";
import { until } from "../testing/until.ts";
import { readQueryUser } from "./query-scope.ts";
import { useAuthedQuery } from "./use-authed-query.ts";
import { UserProvisioningProvider } from "./user-provisioning-provider.tsx";

vi.setConfig({ testTimeout: 60_000 });

let server: EnsureServer;
let page: Page;
let queries: QueryClient;
let userId: string | null;
/** What was asked of the app's server, by whom. */
let asked: string[];
/** All that a page with a query ever showed, with who was signed in. */
let shown: [userId: string | null, data: string | undefined][];

beforeAll(async () => {
  server = await startEnsureServer();
});
beforeEach(() => {
  page = openPage();
  queries = new QueryClient({ defaultOptions: { queries: { retry: false, staleTime: 60_000 } } });
  asked = [];
  shown = [];
});
afterEach(() => {
  page.close();
  queries.clear();
});
afterAll(() => server.stop());

/** The app's server answers whoever's token it is shown: here, whoever is signed in when it answers. */
const askServer = async () => {
  asked.push(String(userId));
  return `secret of ${userId}`;
};

type Options = UseQueryOptions<string, Error, string, readonly string[]>;

function Secret(options: Partial<Options>): ReactNode {
  const { data, fetchStatus } = useAuthedQuery<string, Error, string, readonly string[]>({
    queryKey: ["secret"],
    queryFn: askServer,
    ...options,
  });
  shown.push([userId, data]);
  return `${data ?? "nothing"}, ${fetchStatus}`;
}

/** A query that says nothing of how to ask. */
function Usual(options: Partial<Options>): ReactNode {
  return useAuthedQuery<string>({ queryKey: ["usual"], ...("enabled" in options && { enabled: true }) }).data;
}

const client = () => createRollcallClient({ baseUrl: server.url, retryDelaysMs: [] });

function signIn(who: string | null, options: Partial<Options> = {}, Shown = Secret, isLoaded = true): void {
  userId = who;
  page.render(
    <StrictMode>
      <QueryClientProvider client={queries}>
        <UserProvisioningProvider
          client={client()}
          auth={{ isLoaded, userId: who, getToken: async () => who && makeToken(who) }}
        >
          <Shown {...options} />
        </UserProvisioningProvider>
      </QueryClientProvider>
    </StrictMode>,
  );
}

const answerAll = () =>
  server.will(({ token }) =>
    ready(["user_a", "user_b"].find((name) => makeToken(name) === token) ?? "nobody"),
  );
const cachedUsers = () =>
  queries
    .getQueryCache()
    .getAll()
    .map(({ queryKey }) => readQueryUser(queryKey));

test("a query waits until the user is provisioned, and is not sent after a failure", async () => {
  server.will(failure(403, "user.banned"));
  signIn("user_a");
  await until("the failure", () => server.calls[0]);
  await page.untilText("nothing, idle");
  expect(asked).toEqual([]);
  answerAll();
  signIn("user_b");
  await page.untilText("secret of user_b, idle");
  expect(asked).toEqual(["user_b"]);
});

test("a query that the app disables stays so", async () => {
  answerAll();
  signIn("user_a", { enabled: false });
  await until("the profile", () => server.calls[0]);
  signIn("user_a", { enabled: () => false });
  await page.untilText("nothing, idle");
  signIn("user_a", { enabled: () => true });
  await page.untilText("secret of user_a");
  expect(asked).toEqual(["user_a"]);
});

test.each<[string, Partial<Options>, DefaultOptions["queries"]]>([
  ["as it is", {}, {}],
  ["that keeps what it showed before", { placeholderData: keepPreviousData }, {}],
  ["in an app where all queries do", {}, { placeholderData: keepPreviousData }],
])("B never sees what A was answered, by a query %s", async (_, options, defaults) => {
  queries.setDefaultOptions({ queries: { retry: false, staleTime: 60_000, ...defaults } });
  answerAll();
  signIn("user_a", options);
  await page.untilText("secret of user_a");
  signIn("user_b", options);
  await page.untilText("secret of user_b");
  signIn(null, options);
  await page.untilText("nothing");
  signIn("user_a", options);
  await page.untilText("secret of user_a");
  expect(shown.filter(([who, data]) => data && data !== `secret of ${who}`)).toEqual([]);
  expect(asked).toEqual(["user_a", "user_b", "user_a"]);
});

test("what the app has for all queries counts here too: how to ask, and whether", async () => {
  const asks: unknown[] = [];
  const queryFn = async ({ queryKey }: { queryKey: unknown }) => {
    asks.push(queryKey);
    return "asked as usual";
  };
  queries.setDefaultOptions({ queries: { queryFn, enabled: false } });
  answerAll();
  signIn("user_a", { enabled: true });
  await page.untilText("secret of user_a, idle");
  signIn("user_a", {}, Usual);
  await until("the query", () => queries.getQueryCache().find({ queryKey: ["usual"], exact: false }));
  expect(asks).toEqual([]);
  signIn("user_a", { enabled: true }, Usual);
  await page.untilText("asked as usual");
  expect(asks).toEqual([["usual", { rollcallUser: "user_a" }]]);
});

test("what keeps the query before still does so for one user", async () => {
  answerAll();
  signIn("user_a", { queryKey: ["page", "1"], placeholderData: keepPreviousData });
  await page.untilText("secret of user_a, idle");
  const queryFn = () => new Promise<string>(() => {});
  signIn("user_a", { queryKey: ["page", "2"], queryFn, placeholderData: keepPreviousData });
  await page.untilText("secret of user_a, fetching");
});

test("A's answers leave the cache when A does, and what belongs to nobody stays", async () => {
  answerAll();
  queries.setQueryData(["prices"], "public");
  signIn("user_a");
  await page.untilText("secret of user_a");
  expect(cachedUsers()).toContain("user_a");
  signIn("user_b");
  await page.untilText("secret of user_b");
  expect(cachedUsers()).not.toContain("user_a");
  signIn(null);
  await page.untilText("nothing");
  await until("B's end", () => !cachedUsers().includes("user_b") || undefined);
  expect(queries.getQueryData(["prices"])).toBe("public");
});

test("while Clerk changes session nothing is shown, and the same user's answers are there afterwards", async () => {
  answerAll();
  signIn("user_a");
  await page.untilText("secret of user_a, idle");
  signIn(null, {}, Secret, false);
  await page.untilText("nothing");
  signIn("user_a");
  await page.untilText("secret of user_a, idle");
  expect(asked).toEqual(["user_a"]);
});

test("an answer to A that comes when B is there reaches nobody", async () => {
  answerAll();
  const { held, letGo } = holdBack();
  signIn("user_a", { queryFn: () => held.then(() => "secret of user_a") });
  await page.untilText("nothing, fetching");
  signIn("user_b");
  letGo();
  await page.untilText("secret of user_b");
  expect(shown.filter(([who, data]) => data && data !== `secret of ${who}`)).toEqual([]);
  expect(cachedUsers()).not.toContain("user_a");
});

test("a query is found by the start of its key, as the app knows it", async () => {
  answerAll();
  signIn("user_a", { queryKey: ["secret", "deep"] });
  await page.untilText("secret of user_a");
  await queries.invalidateQueries({ queryKey: ["secret"] });
  await until("the second question", () => asked[1]);
});

test("so is one whose key ends in an object, which stays the last part", async () => {
  answerAll();
  const queryKey: unknown[] = ["secret", { month: 5, year: 2026 }];
  const seen: unknown[] = [];
  signIn("user_a", {
    queryKey: queryKey as string[],
    queryFn: async (context) => {
      seen.push(context.queryKey);
      return askServer();
    },
  });
  await page.untilText("secret of user_a");
  expect(seen).toEqual([["secret", { month: 5, year: 2026, rollcallUser: "user_a" }]]);
  await queries.invalidateQueries({ queryKey: ["secret", { month: 5 }] });
  await until("the second question", () => asked[1]);
});

test("a hash that was made of the key without its user is not used", async () => {
  answerAll();
  const options = { queryHash: "secret" } satisfies Partial<Options>;
  signIn("user_a", options);
  await page.untilText("secret of user_a");
  signIn("user_b", options);
  await page.untilText("secret of user_b");
  expect(shown.filter(([who, data]) => data && data !== `secret of ${who}`)).toEqual([]);
});

test("what a query function writes under the key that it was given is the user's own", async () => {
  answerAll();
  signIn("user_a", {
    queryFn: async ({ queryKey, client: cache, signal }) => {
      cache.setQueryData(queryKey, "the beginning");
      return signal.aborted ? "too late" : "all of it";
    },
  });
  await page.untilText("all of it, idle");
  expect(shown).toContainEqual(["user_a", "the beginning"]);
  expect(cachedUsers()).toEqual(["user_a"]);
});
