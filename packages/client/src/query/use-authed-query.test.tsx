import "../testing/dom.ts";

import {
  type DefaultOptions,
  keepPreviousData,
  QueryClient,
  QueryClientProvider,
  type UseQueryOptions,
} from "@tanstack/react-query";
import { type ReactNode, StrictMode } from "react";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { UserProvisioningProvider } from "../react/user-provisioning-provider.tsx";
import { createRollcallClient } from "../rollcall-client.ts";
import {
  type EnsureServer,
  failure,
  makeToken,
  readyIn,
  startEnsureServer,
} from "../testing/ensure-server.ts";
import { holdBack } from "../testing/hold-back.ts";
import { openPage, type Page } from "../testing/page.ts";
import { until } from "../testing/until.ts";
import { readTokenOrganization, readTokenSubject } from "../token-subject.ts";
import { readQueryOwner } from "./query-scope.ts";
import { useAuthedQuery } from "./use-authed-query.ts";

vi.setConfig({ testTimeout: 60_000 });

let server: EnsureServer;
let page: Page;
let queries: QueryClient;
let userId: string | null;
/** The requests to the app's server, with their users. */
let asked: string[];
/** Each text that a page with a query showed, with the signed-in user. */
let shown: [userId: string | null, data: string | undefined][];

beforeAll(async () => {
  server = await startEnsureServer();
});
beforeEach(() => {
  server.calls.length = 0;
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

/** The app's server answers for the user of the token: here, for the user signed in at the time of the answer. */
const askServer = async () => {
  asked.push(String(userId));
  return `secret of ${userId}`;
};

type ShownTo = Partial<Options> & {
  /** The user of this render. React may still render the page of the user before. */
  who: string | null;
};
type Options = UseQueryOptions<string, Error, string, readonly string[]>;

function Secret({ who, ...options }: ShownTo): ReactNode {
  const { data, fetchStatus } = useAuthedQuery<string, Error, string, readonly string[]>({
    queryKey: ["secret"],
    queryFn: askServer,
    ...options,
  });
  shown.push([who, data]);
  return `${data ?? "nothing"}, ${fetchStatus}`;
}

/** A query without a query function. */
function Usual({ who: _who, ...options }: ShownTo): ReactNode {
  return useAuthedQuery<string>({ queryKey: ["usual"], ...("enabled" in options && { enabled: true }) }).data;
}

const client = () => createRollcallClient({ baseUrl: server.url, retryDelaysMs: [] });

/** @param who a user, or a user in an organization: `user_a in org_a` */
function signIn(who: string | null, options: Partial<Options> = {}, View = Secret, isLoaded = true): void {
  const [name = null, orgId = null] = who?.split(" in ") ?? [];
  userId = who;
  page.render(
    <StrictMode>
      <QueryClientProvider client={queries}>
        <UserProvisioningProvider
          client={client()}
          auth={{ isLoaded, userId: name, orgId, getToken: async () => name && makeToken(name, 0, orgId) }}
        >
          <View who={who} {...options} />
        </UserProvisioningProvider>
      </QueryClientProvider>
    </StrictMode>,
  );
}

const answerAll = () =>
  server.will(({ token }) =>
    readyIn(readTokenSubject(token) ?? "user_missing", readTokenOrganization(token) ?? null),
  );
const cachedUsers = () =>
  queries
    .getQueryCache()
    .getAll()
    .map(({ queryKey }) => readQueryOwner(queryKey)?.userId);

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

test("a query disabled by the app stays disabled", async () => {
  answerAll();
  signIn("user_a", { enabled: false });
  await until("the profile", () => server.calls[0]);
  signIn("user_a", { enabled: () => false });
  await page.untilText("nothing, idle");
  signIn("user_a", { enabled: () => true });
  await page.untilText("secret of user_a");
  expect(asked).toEqual(["user_a"]);
});

const ways: [string, Partial<Options>, DefaultOptions["queries"]][] = [
  ["as it is", {}, {}],
  ["that keeps previous data", { placeholderData: keepPreviousData }, {}],
  ["in an app where all queries keep previous data", {}, { placeholderData: keepPreviousData }],
];

describe.each([
  ["another user", "user_a", "user_b"],
  ["another organization of the user", "user_a in org_a", "user_a in org_b"],
  ["the user's personal account", "user_a in org_a", "user_a"],
  ["an organization of the user", "user_a", "user_a in org_a"],
])("%s", (_, a, b) => {
  test.each(ways)(
    "never sees an answer to the owner before, by a query %s",
    async (__, options, defaults) => {
      queries.setDefaultOptions({ queries: { retry: false, staleTime: 60_000, ...defaults } });
      answerAll();
      signIn(a, options);
      await page.untilText(`secret of ${a},`);
      signIn(b, options);
      await page.untilText(`secret of ${b},`);
      signIn(null, options);
      await page.untilText("nothing");
      signIn(a, options);
      await page.untilText(`secret of ${a},`);
      expect(shown.filter(([who, data]) => data && data !== `secret of ${who}`)).toEqual([]);
      expect(asked).toEqual([a, b, a]);
    },
  );

  test("never sees an answer to the owner before that arrives after the change", async () => {
    answerAll();
    const { held, letGo } = holdBack();
    signIn(a, { queryFn: () => held.then(() => `secret of ${a}`) });
    await page.untilText("nothing, fetching");
    signIn(b);
    letGo();
    await page.untilText(`secret of ${b},`);
    expect(shown.filter(([who, data]) => data && data !== `secret of ${who}`)).toEqual([]);
    expect(queries.getQueryCache().getAll()).toHaveLength(1);
  });
});

test("a member who was removed sees no answer of the organization any more, and keeps those of the personal account apart", async () => {
  answerAll();
  signIn("user_a in org_a");
  await page.untilText("secret of user_a in org_a,");
  server.will(failure(403, "organization.not_a_member"));
  signIn("user_a in org_b");
  await until("the refusal", () => server.calls[1]);
  await page.untilText("nothing, idle");
  signIn("user_a in org_a");
  await until("the next refusal", () => server.calls[2]);
  await page.untilText("nothing, idle");
  expect(asked).toEqual(["user_a in org_a"]);
});

test("the app's default query options apply: the query function and `enabled`", async () => {
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

test("previous data is still kept for the same user", async () => {
  answerAll();
  signIn("user_a", { queryKey: ["page", "1"], placeholderData: keepPreviousData });
  await page.untilText("secret of user_a, idle");
  const queryFn = () => new Promise<string>(() => {});
  signIn("user_a", { queryKey: ["page", "2"], queryFn, placeholderData: keepPreviousData });
  await page.untilText("secret of user_a, fetching");
});

test("A's answers leave the cache when A signs out, and entries without a user stay", async () => {
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

test("while Clerk changes session no data is shown; afterwards the same user's answers are still cached", async () => {
  answerAll();
  signIn("user_a");
  await page.untilText("secret of user_a, idle");
  signIn(null, {}, Secret, false);
  await page.untilText("nothing");
  signIn("user_a");
  await page.untilText("secret of user_a, idle");
  expect(asked).toEqual(["user_a"]);
});

test("a query is found by the start of its original key", async () => {
  answerAll();
  signIn("user_a", { queryKey: ["secret", "deep"] });
  await page.untilText("secret of user_a");
  await queries.invalidateQueries({ queryKey: ["secret"] });
  await until("the second question", () => asked[1]);
});

test("a query whose key ends in an object is found too, and the object stays the last part", async () => {
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

test("a hash of the key without its user is not used", async () => {
  answerAll();
  const options = { queryHash: "secret" } satisfies Partial<Options>;
  signIn("user_a", options);
  await page.untilText("secret of user_a");
  signIn("user_b", options);
  await page.untilText("secret of user_b");
  expect(shown.filter(([who, data]) => data && data !== `secret of ${who}`)).toEqual([]);
});

test("a write of a query function under its key stays with the user", async () => {
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
