import fc from "fast-check";
import type { RawRequest } from "./raw-http.ts";

/** A route, and the headers that its guard requires. Path parameters begin with a colon. */
export type WildRoute = { method: string; path: string; headers: Record<string, string> };

/** Every field of our request bodies and queries. */
const fields = [
  ...["userId", "clerkIds", "tier", "ids", "code", "all", "reason", "mode", "dryRun", "mentoradoId"],
  ...[
    "dismiss",
    "discardProfile",
    "query",
    "cursor",
    "limit",
    "state",
    "type",
    "data",
    "__proto__",
    "name",
    "password",
  ],
];

const hardText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.constantFrom("", "\0", "\ud800", "..", "../../etc/passwd", "%", "%00", "%ff", "'", '"', "null", "-1"),
  fc.constantFrom(
    "1e400",
    "9".repeat(40),
    "user_1",
    "user_' or 1=1",
    "a".repeat(5_000),
    "\u202e",
    "constructor",
  ),
  fc.integer().map(String),
);

const hardValue = fc.oneof(
  hardText,
  fc.integer(),
  fc.double(),
  fc.constantFrom(null, true, false, [], {}, Number.MAX_SAFE_INTEGER, 2 ** 31, 2 ** 63),
  fc.array(hardText, { maxLength: 5 }),
);

const fieldValues = fc.dictionary(fc.constantFrom(...fields), hardValue, { maxKeys: 4 });

const body = fc.oneof(
  { weight: 4, arbitrary: fieldValues.map((value) => JSON.stringify(value)) },
  fc.json({ maxDepth: 4 }),
  fc.string({ unit: "binary", maxLength: 200 }),
  fc.constantFrom(
    "",
    "{",
    "[]",
    "null",
    "[".repeat(20_000),
    `{"__proto__":{"a":1}}`,
    `"${"x".repeat(70_000)}"`,
  ),
);

const contentType = fc.constantFrom(
  ...["application/json", "application/json", "application/json", "application/json; charset=utf-16"],
  ...["text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "a/b;;=", ""],
);

/** Has no line breaks, because a header with one is two headers. */
const headerText = fc
  .string({ unit: "binary-ascii", maxLength: 80 })
  .map((text) => text.replaceAll(/[\r\n\0]/g, ""));

const extraHeaders = fc.dictionary(
  fc.constantFrom(
    "accept-language",
    "origin",
    "x-forwarded-for",
    "cookie",
    "accept",
    "if-none-match",
    "range",
  ),
  headerText,
  { maxKeys: 3 },
);

const query = fc
  .dictionary(fc.constantFrom(...fields), fc.oneof(hardText, headerText), { maxKeys: 3 })
  .map((values) =>
    Object.entries(values)
      .map(([name, value]) => `${name}=${encode(value)}`)
      .join("&"),
  );

/** Percent-encodes text. Text that is not well formed stays as it is, but without spaces, so that it is one word. */
function encode(text: string): string {
  try {
    return encodeURIComponent(text);
  } catch {
    return text.replaceAll(/[\s\0]/g, "_");
  }
}

/** Requests to one of the routes. Only a malicious or broken client would send most of them. */
export function wildRequest(routes: readonly WildRoute[]): fc.Arbitrary<RawRequest> {
  const parts = {
    route: fc.constantFrom(...routes),
    odd: fc.integer({ min: 0, max: 19 }),
    method: fc.constantFrom("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"),
    params: fc.array(fc.oneof(hardText, fc.constant("user_1"), fc.constant("1")), {
      minLength: 2,
      maxLength: 2,
    }),
    query,
    body,
    contentType,
    extraHeaders,
  };
  return fc.record(parts).map(({ route, odd, params, ...made }) => {
    const [first = "", second = ""] = params.map(encode);
    const path = route.path.replace(/:\w+/, first || "x").replace(/:\w+/, second || "x");
    const method = odd === 0 ? made.method : route.method;
    const sendsBody = method !== "GET" && method !== "HEAD";
    return {
      method,
      path: made.query === "" ? path : `${path}?${made.query}`,
      headers: {
        ...made.extraHeaders,
        ...(sendsBody ? { "content-type": made.contentType } : {}),
        ...route.headers,
      },
      body: sendsBody ? made.body : undefined,
    };
  });
}
