import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import {
  createRollcallClient,
  type GetToken,
  type Retry,
  type RollcallClientOptions,
} from "./rollcall-client.ts";
import { RollcallError } from "./rollcall-error.ts";
import {
  type Behaviour,
  type EnsureServer,
  failure,
  makeToken,
  pending,
  ready,
  readyIn,
  startEnsureServer,
} from "./testing/ensure-server.ts";
import { holdBack } from "./testing/hold-back.ts";
import { until } from "./testing/until.ts";
import { readTokenOrganization } from "./token-subject.ts";

let server: EnsureServer;
beforeAll(async () => {
  server = await startEnsureServer();
});
beforeEach(() => {
  server.calls.length = 0;
});
afterAll(() => server.stop());

function createClient(options: Partial<RollcallClientOptions> = {}) {
  return createRollcallClient({
    baseUrl: server.url,
    getToken: async () => makeToken("user_1"),
    retryDelaysMs: [1, 2, 3],
    ...options,
  });
}

describe("the trace of a page", () => {
  const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  afterEach(() => vi.unstubAllGlobals());

  test("is named by the page's element, or by the app", async () => {
    server.will(ready("user_1"));
    await createClient().ensure();
    vi.stubGlobal("document", { querySelector: () => ({ content: trace }) });
    await createClient().ensure();
    await createClient({ traceparent: () => trace.replace("4bf9", "5bf9") }).ensure();
    const own = trace.replace("4bf9", "5bf9");
    expect(server.calls.map(({ traceparent }) => traceparent)).toEqual([undefined, trace, own]);
  });

  test.each([
    ["with a line break", () => `${trace}\n`],
    ["of another form", () => "é"],
    [
      "that cannot be read",
      () => {
        throw new Error("no trace");
      },
    ],
  ])("%s is left out, and the user gets in", async (_name, traceparent) => {
    server.will(ready("user_1"));
    await createClient({ traceparent }).ensure();
    expect(server.calls.map((call) => call.traceparent)).toEqual([undefined]);
  });
});

const failed = (promise: Promise<unknown>) => promise.then(() => undefined).catch((error: unknown) => error);

describe("an answer", () => {
  test("has user, profile, created and stale", async () => {
    server.will(ready("user_1", { created: true }));
    const provisioned = await createClient().ensure();
    expect(provisioned).toMatchObject({ user: { clerkId: "user_1" }, created: true, stale: false });
    expect(provisioned.mentorado?.nomeCompleto).toBe("Profile of user_1");
    server.will(ready("user_1", { stale: true, mentorado: null }));
    expect(await createClient().ensure()).toMatchObject({ mentorado: null, created: false, stale: true });
  });

  test("a slash at the end of baseUrl does no harm", async () => {
    server.will(ready("user_1"));
    await createClient({ baseUrl: `${server.url}/` }).ensure();
    expect(server.calls).toHaveLength(1);
  });
});

describe("retries", () => {
  test.each<[string, Behaviour]>([
    ["a connection that breaks", "break"],
    ["408 of an api that was frozen", failure(408, "request.timeout")],
    ["429", failure(429, "request.rate_limited")],
    ["500", failure(500)],
    ["503", failure(503, "postgres.unavailable")],
    ["502 of a proxy", { status: 502, body: "<html>Bad gateway</html>" }],
    ["202", pending],
  ])("%s is tried again, three times at most", async (_, behaviour) => {
    server.will(behaviour, behaviour, behaviour, ready("user_1"));
    expect(await createClient().ensure()).toMatchObject({ user: { clerkId: "user_1" } });
    expect(server.calls).toHaveLength(4);
    server.will(behaviour);
    expect(await failed(createClient().ensure())).toMatchObject({ retryable: true });
    expect(server.calls).toHaveLength(8);
  });

  test.each([
    [400, "request.malformed"],
    [401, "unauthenticated"],
    [403, "user.banned"],
    [404, "user.unknown"],
    [410, "user.deleted"],
  ])("%s %s is not", async (status, code) => {
    server.will(failure(status, code));
    const message = `Sentence of ${code}.`;
    const expected = { code, message, status, retryable: false, requestId: "req_1" };
    expect(await failed(createClient().ensure())).toMatchObject(expected);
    expect(server.calls).toHaveLength(1);
  });

  test("come after 1, 2 and 4 s by default", async () => {
    server.will(failure(503));
    const waits: number[] = [];
    const onRetry = ({ delayMs }: Retry) => waits.push(Math.floor(delayMs / 1_000));
    await failed(createClient({ retryDelaysMs: undefined }).ensure({ onRetry }));
    // With jitter of up to a quarter, 4 s may become 5 s.
    expect(waits).toEqual([1, 2, expect.toBeOneOf([4, 5])]);
  }, 60_000);

  test("wait for Retry-After, and report the error and the next attempt", async () => {
    server.will(failure(503, "queue.unavailable", { "retry-after": "1" }), ready("user_1"));
    const retries: Retry[] = [];
    await createClient().ensure({ onRetry: (retry) => retries.push(retry) });
    expect(retries).toEqual([{ attempt: 2, delayMs: expect.any(Number), error: expect.any(RollcallError) }]);
    expect(retries[0]?.delayMs).toBeGreaterThanOrEqual(1_000);
    expect(retries[0]?.error).toMatchObject({ code: "queue.unavailable", retryAfterMs: 1_000 });
  });

  test("take a fresh token for each attempt", async () => {
    let minted = 0;
    const getToken = async () => makeToken("user_1", minted++);
    server.will(failure(503), failure(503), ready("user_1"));
    await createClient({ getToken }).ensure({ userId: "user_1" });
    expect(server.calls.map(({ token }) => token)).toEqual([0, 1, 2].map((n) => makeToken("user_1", n)));
  });
});

describe("a refused token", () => {
  /** A page whose cached token became old while it slept. */
  const sleepy = (freshToken: string | null) => ({
    getToken: async (asked?: { skipCache?: boolean }) =>
      asked?.skipCache ? freshToken : makeToken("user_1", "old"),
  });

  test("is replaced by a fresh one, once, without a wait", async () => {
    const onRetry = vi.fn();
    server.will(failure(401, "unauthenticated"), ready("user_1"));
    const client = createClient({ ...sleepy(makeToken("user_1", "new")), retryDelaysMs: [] });
    expect(await client.ensure({ onRetry })).toMatchObject({ user: { clerkId: "user_1" } });
    expect(server.calls.map(({ token }) => token)).toEqual([
      makeToken("user_1", "old"),
      makeToken("user_1", "new"),
    ]);
    expect(onRetry).not.toHaveBeenCalled();

    server.will(failure(401, "unauthenticated"));
    expect(await failed(client.ensure())).toMatchObject({ status: 401, requestId: "req_1" });
    expect(server.calls).toHaveLength(4);
  });

  test.each([
    ["there is no session any more", null, "no_token"],
    ["the fresh one is another user's", makeToken("user_2"), "no_token"],
    ["the fresh one is the same", makeToken("user_1", "old"), "unauthenticated"],
  ])("is not sent again when %s", async (_, freshToken, code) => {
    server.will(failure(401, "unauthenticated"));
    const client = createClient({ ...sleepy(freshToken), retryDelaysMs: [] });
    expect(await failed(client.ensure({ userId: "user_1" }))).toMatchObject({ code });
    expect(server.calls).toHaveLength(1);
  });

  test("of a server is a fixed one, and sent once", async () => {
    server.will(failure(401, "unauthenticated"));
    const token = makeToken("user_1");
    expect(await failed(createClient().ensure({ token }))).toMatchObject({ code: "unauthenticated" });
    expect(server.calls).toHaveLength(1);
  });
});

describe("created is not lost", () => {
  test("when the answer after a 202 finds the profile", async () => {
    server.will(pending, ready("user_1", { created: false }));
    expect(await createClient().ensure()).toMatchObject({ created: true });
  });

  test("when that answer comes only in a later call", async () => {
    const client = createClient();
    server.will(pending);
    expect(await failed(client.ensure())).toMatchObject({ code: "pending", status: 202, retryable: true });
    server.will(ready("user_1", { created: false }));
    expect(await client.ensure()).toMatchObject({ created: true });
    expect(await client.ensure()).toMatchObject({ created: false });
  });

  test("and only for the same user", async () => {
    let userId = "user_1";
    const client = createClient({ getToken: async () => makeToken(userId) });
    server.will(pending);
    await failed(client.ensure());
    userId = "user_2";
    server.will(ready("user_2", { created: false }));
    expect(await client.ensure()).toMatchObject({ user: { clerkId: "user_2" }, created: false });
  });
});

describe("one call in flight", () => {
  test("per user, for any number of callers with any tokens", async () => {
    let minted = 0;
    const client = createClient({ getToken: async () => makeToken("user_1", minted++) });
    server.will(ready("user_1"));
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) => client.ensure(n % 2 ? { userId: "user_1" } : {})),
    );
    expect(server.calls).toHaveLength(1);
    expect(new Set(answers).size).toBe(1);
    await client.ensure();
    expect(server.calls).toHaveLength(2);
  });

  test("is not shared between users", async () => {
    const names = ["user_1", "user_2"];
    server.will(({ token }) => ready(names.find((name) => makeToken(name) === token) ?? "user_missing"));
    const client = createClient();
    const ask = (userId: string) => client.ensure({ userId, token: async () => makeToken(userId) });
    const answers = await Promise.all(names.map(ask));
    expect(answers.map(({ user }) => user.clerkId)).toEqual(names);
  });

  test("is not shared between organizations of one user", async () => {
    server.will(({ token }) => readyIn("user_1", readTokenOrganization(token) ?? null));
    const client = createClient();
    const ask = (organizationId: string | null) =>
      client.ensure({
        ...{ userId: "user_1", organizationId },
        token: async () => makeToken("user_1", 0, organizationId),
      });
    const answers = await Promise.all(["org_a", "org_b", null].map(ask));
    expect(answers.map(({ organization }) => organization?.clerkOrgId)).toEqual([
      "org_a",
      "org_b",
      undefined,
    ]);
  });

  test("is not shared by a page that switches to another organization meanwhile", async () => {
    const tokens = [makeToken("user_1", 0, "org_a"), makeToken("user_1", 0, "org_a")];
    const client = createClient({ getToken: async () => tokens.shift() ?? makeToken("user_1", 0, "org_b") });
    const { held, letGo } = holdBack();
    server.will(
      () => held.then(() => readyIn("user_1", "org_a")),
      () => readyIn("user_1", "org_b"),
    );
    const first = client.ensure();
    await until("the first call", () => server.calls[0]);
    expect((await client.ensure()).organization?.clerkOrgId).toBe("org_b");
    letGo();
    expect((await first).organization?.clerkOrgId).toBe("org_a");
  });

  test("is not shared with a caller that has no token yet", async () => {
    let userId = "user_1";
    let away = true;
    const getToken = async () => {
      if (away) throw new Error("Clerk is out of reach");
      return makeToken(userId);
    };
    server.will("hang", ready("user_2"));
    const client = createClient({ getToken });
    const stop = new AbortController();
    const first = failed(
      client.ensure({
        signal: stop.signal,
        onRetry: () => {
          away = false;
        },
      }),
    );
    await until("the first call", () => server.calls[0]);
    [userId, away] = ["user_2", true];
    const second = client.ensure({
      onRetry: () => {
        away = false;
      },
    });
    expect((await second).user.clerkId).toBe("user_2");
    stop.abort();
    expect(await first).toMatchObject({ code: "aborted" });
  });

  test.each<[string, (token: string) => string | GetToken]>([
    ["as they are", (token) => token],
    ["by a function", (token) => async () => token],
  ])(
    "nor between tokens that strangers sent, given %s, though they claim to be the same user",
    async (_, give) => {
      const [real, forged] = [makeToken("user_1", "real"), makeToken("user_1", "forged")];
      server.will(({ token }) => (token === real ? ready("user_1") : failure(401, "unauthenticated")));
      const client = createClient({ getToken: undefined });
      const [mine, theirs] = await Promise.all([
        client.ensure({ token: give(real) }),
        failed(client.ensure({ token: give(forged) })),
      ]);
      expect(mine.user.clerkId).toBe("user_1");
      expect(theirs).toMatchObject({ code: "unauthenticated", status: 401 });
    },
  );
});

describe("aborting", () => {
  test("ends the wait between attempts at once", async () => {
    server.will(failure(503));
    const stop = new AbortController();
    const client = createClient({ retryDelaysMs: [10_000_000] });
    const outcome = failed(client.ensure({ signal: stop.signal, onRetry: () => stop.abort() }));
    expect(await outcome).toMatchObject({ code: "aborted", retryable: false });
    server.will(ready("user_1"));
    await client.ensure();
    expect(server.calls).toHaveLength(2);
  });

  test("ends a hanging call when the last of its callers aborts", async () => {
    server.will("hang");
    const client = createClient();
    const [first, second] = [new AbortController(), new AbortController()];
    const outcomes = [first, second].map(({ signal }) => failed(client.ensure({ signal })));
    const call = await until("a call", () => server.calls[0]);
    first.abort();
    expect(await outcomes[0]).toMatchObject({ code: "aborted" });
    expect(call.closed()).toBe(false);
    second.abort();
    expect(await outcomes[1]).toMatchObject({ code: "aborted" });
    await until("the connection's end", () => call.closed() || undefined);
    expect(server.calls).toHaveLength(1);
  });

  test("does not end the wait of other callers", async () => {
    const { held, letGo } = holdBack();
    server.will(() => held.then(() => ready("user_1")));
    const client = createClient();
    const stop = new AbortController();
    const gone = failed(client.ensure({ signal: stop.signal }));
    const stays = client.ensure();
    await until("a call", () => server.calls[0]);
    stop.abort();
    letGo();
    expect(await gone).toMatchObject({ code: "aborted" });
    expect((await stays).user.clerkId).toBe("user_1");
  });

  test("is distinguished from an error of the caller's own onRetry, which does not affect other callers", async () => {
    server.will(failure(503), failure(503), ready("user_1"));
    const client = createClient();
    let retries = 0;
    const onRetry = () => {
      retries++;
      throw new RangeError("a mistake of the app");
    };
    const [faulty, other] = [failed(client.ensure({ onRetry })), client.ensure()];
    expect(await faulty).toBeInstanceOf(RangeError);
    expect((await other).user.clerkId).toBe("user_1");
    expect([retries, server.calls.length]).toEqual([1, 3]);
  });

  test("before the start makes no call", async () => {
    expect(await failed(createClient().ensure({ signal: AbortSignal.abort() }))).toMatchObject({
      code: "aborted",
    });
    expect(server.calls).toEqual([]);
  });

  test("a hanging attempt times out, and the next one may succeed", async () => {
    server.will("hang", ready("user_1"));
    const errors: string[] = [];
    const client = createClient({ attemptTimeoutMs: 500 });
    await client.ensure({ onRetry: ({ error }) => errors.push(error.code) });
    expect(errors).toEqual(["timeout"]);
    server.will("hang");
    const only = createClient({ attemptTimeoutMs: 50, retryDelaysMs: [] });
    expect(await failed(only.ensure())).toMatchObject({
      code: "timeout",
      status: undefined,
      retryable: true,
    });
  });

  test("a token that never comes is a timeout too", async () => {
    const client = createClient({
      getToken: () => new Promise(() => {}),
      attemptTimeoutMs: 20,
      retryDelaysMs: [],
    });
    expect(await failed(client.ensure({ userId: "user_1" }))).toMatchObject({ code: "timeout" });
  });
});

describe("without the right token no request is sent", () => {
  test("no user is signed in", async () => {
    const outcome = failed(createClient({ getToken: async () => null }).ensure());
    expect(await outcome).toMatchObject({ code: "no_token", retryable: false });
    expect(server.calls).toEqual([]);
  });

  test("with a userId, another user's token is not sent, and a new one is requested", async () => {
    const tokens = [makeToken("user_1"), null, makeToken("user_2")];
    server.will(ready("user_2"));
    const client = createClient({ getToken: async () => tokens.shift() });
    expect(await client.ensure({ userId: "user_2" })).toMatchObject({ user: { clerkId: "user_2" } });
    expect(server.calls.map(({ token }) => token)).toEqual([makeToken("user_2")]);
  });

  test("an answer for another user, by an opaque token, is not returned, and the call is repeated", async () => {
    server.will(ready("user_1"), ready("user_2"));
    const client = createClient({ getToken: async () => "opaque" });
    const errors: string[] = [];
    const onRetry = ({ error }: Retry) => errors.push(error.code);
    expect(await client.ensure({ userId: "user_2", onRetry })).toMatchObject({ user: { clerkId: "user_2" } });
    expect(errors).toEqual(["no_token"]);
    server.will(ready("user_1"));
    const wrong = { code: "no_token", retryable: true };
    expect(await failed(client.ensure({ userId: "user_2" }))).toMatchObject(wrong);
    const fixed = { code: "no_token", retryable: false };
    expect(await failed(client.ensure({ userId: "user_2", token: "opaque" }))).toMatchObject(fixed);
  });

  test("with an organization, a token of another one is not sent, and a new one is requested at once", async () => {
    const tokens = [makeToken("user_1", 0, "org_a"), makeToken("user_1", 0, "org_b")];
    const asked: unknown[] = [];
    const getToken: GetToken = async (options) => {
      asked.push(options);
      return tokens[asked.length - 1];
    };
    server.will(readyIn("user_1", "org_b"));
    const found = await createClient({ getToken }).ensure({ userId: "user_1", organizationId: "org_b" });
    expect(found.organization).toMatchObject({ clerkOrgId: "org_b", role: "org:admin" });
    expect([server.calls.length, asked]).toEqual([1, [undefined, { skipCache: true }]]);
  });

  test("an answer for another organization, by an opaque token, is not returned", async () => {
    const client = createClient({ getToken: async () => "opaque" });
    for (const [answered, wanted] of [
      ["org_a", "org_b"],
      ["org_a", null],
      [null, "org_b"],
    ] as const) {
      server.will(readyIn("user_1", answered), readyIn("user_1", wanted));
      const { organization } = await client.ensure({ userId: "user_1", organizationId: wanted });
      expect(organization?.clerkOrgId ?? null).toBe(wanted);
    }
    // While organizations are off, the answer names none.
    server.will(ready("user_1"));
    const off = await client.ensure({ userId: "user_1", organizationId: "org_b" });
    expect("organization" in off).toBe(false);
  });

  test("the user changes between reading the token for the key and the call", async () => {
    const tokens = [makeToken("user_1"), makeToken("user_2")];
    const client = createClient({ getToken: async () => tokens.shift() });
    expect(await failed(client.ensure())).toMatchObject({ code: "no_token" });
    expect(server.calls).toEqual([]);
  });

  test("the user changes between two attempts", async () => {
    let userId = "user_1";
    server.will(failure(503), ready("user_2"));
    const client = createClient({ getToken: async () => makeToken(userId) });
    const onRetry = () => {
      userId = "user_2";
    };
    expect(await failed(client.ensure({ onRetry }))).toMatchObject({ code: "no_token" });
    expect(server.calls).toHaveLength(1);
  });

  test("getToken itself fails: the error is `network`, and the call is repeated", async () => {
    let asked = 0;
    const getToken = async () => {
      if (asked++ < 2) throw new Error("Clerk is out of reach");
      return makeToken("user_1");
    };
    server.will(ready("user_1"));
    expect(await createClient({ getToken }).ensure()).toMatchObject({ user: { clerkId: "user_1" } });
  });
});

describe("messages", () => {
  test("are requested in the client's language, and are Portuguese by default", async () => {
    server.will(ready("user_1"));
    await createClient().ensure();
    await createClient({ locale: "en" }).ensure();
    expect(server.calls.map(({ language }) => language)).toEqual(["pt-BR", "en"]);
  });

  test("may have another language in each call, with one client", async () => {
    const client = createClient({ retryDelaysMs: [] });
    server.will(pending);
    expect(await failed(client.ensure({ locale: "en" }))).toMatchObject({
      message: "Your profile is still being prepared. Please try again in a moment.",
    });
    server.will(ready("user_1"));
    expect(await client.ensure()).toMatchObject({ created: true });
    expect(server.calls.map(({ language }) => language)).toEqual(["en", "pt-BR"]);
  });

  test("of the client's own errors are in that language too, without technical details", async () => {
    const say = async (locale: "pt-BR" | "en", behaviour: Behaviour) => {
      server.will(behaviour);
      const error = await failed(createClient({ locale, retryDelaysMs: [] }).ensure());
      return error instanceof RollcallError ? error.message : error;
    };
    expect(await say("pt-BR", "break")).toBe(
      "Não foi possível falar com o servidor. Verifique sua conexão e tente de novo.",
    );
    expect(await say("en", "break")).toBe(
      "The server could not be reached. Check your connection and try again.",
    );
    const stranger = { status: 200, body: "<html>Welcome to Hotel Wi-Fi</html>" };
    expect(await say("en", stranger)).toBe("Something went wrong on our side. Please try again.");
    expect(await say("pt-BR", { status: 500, body: { stack: "at Object.<anonymous>" } })).toBe(
      "Algo deu errado do nosso lado. Tente de novo.",
    );
  });
});
