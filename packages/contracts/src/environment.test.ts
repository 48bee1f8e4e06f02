import { generateKeyPairSync } from "node:crypto";
import { expect, test } from "vitest";
import { EnvironmentError, listSecrets, readEnvironment, variables } from "./environment.ts";

const pem = (type: "rsa" | "ec") => {
  const { publicKey } =
    type === "rsa"
      ? generateKeyPairSync("rsa", { modulusLength: 2048 })
      : generateKeyPairSync("ec", { namedCurve: "P-256" });
  return publicKey.export({ type: "spki", format: "pem" }).toString();
};
const rsaKey = pem("rsa");
const secret = `whsec_${Buffer.from("24 bytes of a test key..").toString("base64")}`;

const required = {
  DATABASE_URL: "postgres://localhost/app",
  CLERK_SECRET_KEY: "sk_test_x",
  CLERK_JWT_KEY: rsaKey,
  CLERK_AUTHORIZED_PARTIES: "https://app.example.com",
};

/** The problems of one setting, one a line. */
function problemsOf(setting: Record<string, string>): string {
  try {
    readEnvironment(variables, { ...required, ...setting });
    return "";
  } catch (error) {
    if (!(error instanceof EnvironmentError)) throw error;
    return error.message.split("\n").slice(1).join("\n").trim();
  }
}

test("the required variables are enough, and an empty variable counts as unset", () => {
  expect(problemsOf({ REDIS_URL: " ", TRUST_PROXY: "" })).toBe("");
});

test("a full sync is due each night unless the environment names another schedule", () => {
  expect(readEnvironment(variables, required).RECONCILE_FULL_CRON).toBe("0 3 * * *");
});

test.each<[string, string]>([
  ["CLERK_JWT_KEY", rsaKey.replaceAll("\n", "\\n")],
  ["CLERK_JWT_KEY", `${rsaKey}\n${rsaKey}`],
  ["CLERK_WEBHOOK_SIGNING_SECRET", `${secret},${secret}`],
  ["TRUST_PROXY", "true"],
  ["TRUST_PROXY", "false"],
  ["TRUST_PROXY", "10.0.0.1, 192.168.0.0/16,::1,fd00::/8"],
  ["REDIS_URL", "redis://a:6379, redis://b:6379,"],
  ["REDIS_URL", "rediss://u:p%40ss@a:6379,rediss://b:6379,rediss://u:p%40ss@[::1]:6379"],
  ["RECONCILE_FULL_CRON", "*/15 0,12 1-31/2 * 1-5"],
  ["CLERK_RATE_BUDGET", "1"],
  [
    "CLERK_AUTHORIZED_PARTIES",
    "https://app.example.com,chrome-extension://abcdefghijklmnopabcdefghijklmnop,tauri://localhost," +
      "capacitor://localhost,exp://192.0.2.1:8081,safari-web-extension://0A1B2C3D-0000,http://[::1]:3000",
  ],
  ["CLERK_ACCEPT_MISSING_AZP", "true"],
  ["CLERK_ISSUER", "https://clerk.example.com"],
  ["ADMIN_PASSWORD", "twelve chars"],
  ["METRICS_TOKEN", "abc-123.~+/_="],
  ["DATABASE_URL", "postgres://u:p%40ss@[::1]:5432/app?sslmode=verify-full&options=-c%20timezone%3DUTC"],
  ["DATABASE_URL", "postgres://u:p@/app?host=/var/run/postgresql"],
  ["ALERT_WEBHOOK_URL", "https://chat.example.com/hooks/T0/B0/x?key=y"],
  ["SUPPORT_URL", "mailto:help@example.com"],
  ["SUPPORT_URL", "https://help.example.com/start"],
])("%s takes %j", (name, value) => {
  expect(problemsOf({ [name]: value })).toBe("");
});

test.each<[string, string, string]>([
  ["CLERK_JWT_KEY", "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----", "RSA and whole"],
  ["CLERK_JWT_KEY", rsaKey.slice(0, -60), "RSA and whole"],
  ["CLERK_JWT_KEY", pem("ec"), "RSA and whole"],
  ["CLERK_JWT_KEY", `${rsaKey}\n${pem("ec")}`, "RSA and whole"],
  ["CLERK_JWT_KEY", `${rsaKey}\n${rsaKey.slice(0, -60)}`, "RSA and whole"],
  ["CLERK_WEBHOOK_SIGNING_SECRET", "whsec_", "whsec_ followed by base64"],
  ["CLERK_WEBHOOK_SIGNING_SECRET", `${secret.slice(0, -1)}`, "whsec_ followed by base64"],
  ["CLERK_WEBHOOK_SIGNING_SECRET", `${secret},whsec_not-base64`, "whsec_ followed by base64"],
  ["MENTORADO_CREATED_SECRET", "whsec_A", "whsec_ followed by base64"],
  ["TRUST_PROXY", "1", "it is no number of proxies"],
  ["TRUST_PROXY", "yes", "must be true, false, or"],
  ["TRUST_PROXY", "10.0.0.1,proxy.local", "must be true, false, or"],
  ["TRUST_PROXY", "10.0.0.0/33", "must be true, false, or"],
  ["TRUST_PROXY", "0.0.0.0/0", "must be true, false, or"],
  ["TRUST_PROXY", "10.0.0.1,", "must be true, false, or"],
  ["REDIS_URL", ",", "must name at least one"],
  ["REDIS_URL", "redis://a:6379,http://b:6379", "start with redis:// or rediss://"],
  ["REDIS_URL", "redis://:pa#ss@a:6379", "must be a URL"],
  ["REDIS_URL", "redis://:pa%ss@a:6379", "must be a URL"],
  ["REDIS_URL", "rediss://a:6379,redis://b:6379", "must not mix redis:// and rediss://"],
  ["REDIS_URL", "redis://:one@a:6379,redis://:two@b:6379", "different users or passwords"],
  ["REDIS_URL", "redis://u:one@a:6379,redis://b:6379,redis://v:one@c:6379", "different users or passwords"],
  ["RECONCILE_FULL_CRON", "0 3 * *", "cron pattern of five fields"],
  ["RECONCILE_FULL_CRON", "61 3 * * *", "cron pattern of five fields"],
  ["RECONCILE_FULL_CRON", "0 5-3 * * *", "cron pattern of five fields"],
  ["RECONCILE_FULL_CRON", "daily at 3 in night", "cron pattern of five fields"],
  ["CLERK_RATE_BUDGET", "0", "over 0"],
  ["CLERK_RATE_BUDGET", "1.5", "at most 1"],
  ["CLERK_AUTHORIZED_PARTIES", ",", "must name at least one"],
  ...[
    ...["https://app.example.com/", "https://APP.example.com", "https://u:p@app.example.com", "*", "null"],
    ...["tauri://localhost/", "tauri://", "tauri:localhost", "exp://u@192.0.2.1", "exp://192.0.2.1:99999"],
    ...["capacitor://localhost?x", "chrome-extension://*", "file:///", "https://app.example.com:443"],
  ].map((origin): [string, string, string] => ["CLERK_AUTHORIZED_PARTIES", origin, "list of origins"]),
  ["CLERK_ACCEPT_MISSING_AZP", "yes", ""],
  ["CLERK_WEBHOOK_SIGNING_SECRET", "whsec_AA==", "at least 24 bytes"],
  ["CLERK_WEBHOOK_SIGNING_SECRET", `${secret},whsec_AA==`, "at least 24 bytes"],
  ["MENTORADO_CREATED_SECRET", `whsec_${Buffer.alloc(23, 7).toString("base64")}`, "at least 24 bytes"],
  ["ADMIN_PASSWORD", "a", "at least 12 characters"],
  ["ADMIN_PASSWORD", "eleven char", "at least 12 characters"],
  ["ADMIN_PASSWORD", "\u{1f511}".repeat(11), "at least 12 characters"],
  ["METRICS_TOKEN", "short", "at least 8 characters"],
  ["METRICS_TOKEN", "two words are no token", "bearer token"],
  ["DATABASE_URL", "mysql://localhost/app", "must start with postgres://"],
  ["DATABASE_URL", "postgres://u:1#23@localhost/app", "percent-encode"],
  ["DATABASE_URL", "postgres://u:a#b@localhost/app", "percent-encode"],
  ...["CLERK_API_URL", "CLERK_ISSUER", "MENTORADO_CREATED_URL", "ALERT_WEBHOOK_URL"].flatMap(
    (name): [string, string, string][] => [
      [name, "ftp://app.example.com", "must start with https:// or http://"],
      [name, "https://user:password@app.example.com/hook", "must not hold a user or a password"],
      [name, "https://user@app.example.com", "must not hold a user or a password"],
      [name, "http://127.0.0.1:1/hook", "must not name a port that fetch refuses"],
      [name, "http://app.example.com:6667", "must not name a port that fetch refuses"],
      [name, "https://app.example.com:70000", "must be a whole URL"],
      [name, "https://", "must be a whole URL"],
    ],
  ),
  ["SUPPORT_URL", "https://user:password@help.example.com", "must be a URL"],
  ["SUPPORT_URL", "javascript:alert(1)", "must be a URL"],
])("%s does not take %j", (name, value, problem) => {
  const problems = problemsOf({ [name]: value });
  const lines = problems.split("\n").filter((line) => !line.includes("MENTORADO_CREATED_SECRET is missing"));
  expect(lines).toEqual([expect.stringMatching(new RegExp(`^ *${name} .*${problem}`))]);
});

test("all problems are listed at once: missing, malformed, and missing for another variable", () => {
  const problems = problemsOf({
    DATABASE_URL: "",
    CLERK_JWT_KEY: "x",
    PORT: "many",
    MENTORADO_CREATED_URL: "https://app.example.com/hook",
  });
  expect(problems.split("\n").map((line) => line.trim().split(" ")[0])).toEqual([
    "DATABASE_URL",
    "PORT",
    "CLERK_JWT_KEY",
    "MENTORADO_CREATED_SECRET",
  ]);
  expect(problems).toContain("MENTORADO_CREATED_SECRET is missing; MENTORADO_CREATED_URL needs it");
});

test("a process that does not read a variable does not require the variable that it needs", () => {
  const { DATABASE_URL } = variables;
  const environment = { ...required, MENTORADO_CREATED_URL: "https://app.example.com/hook" };
  expect(() => readEnvironment({ DATABASE_URL }, environment)).not.toThrow();
});

test.each(Object.keys(variables))("a wrong %s is never printed", (name) => {
  const canary = "c4nary, -----BEGIN PUBLIC KEY-----c4nary";
  expect(problemsOf({ [name]: canary })).not.toContain("c4nary");
});

test("the secret parts of every secret variable are listed, and a database's name is not", () => {
  const secrets = listSecrets({
    DATABASE_URL: "postgres://app:pass%40word@db.example.com/name",
    REDIS_URL: "redis://:one-pass@a:6379, redis://:one-pass@b:6379",
    ALERT_WEBHOOK_URL: "https://chat.example.com/hooks/t0ken?key=s3cret",
    CLERK_SECRET_KEY: "sk_test_abc",
    HOST: "127.0.0.1",
  });
  expect(secrets).toEqual(
    expect.arrayContaining(["pass%40word", "one-pass", "/hooks/t0ken", "?key=s3cret", "sk_test_abc", "abc"]),
  );
  expect(secrets).not.toContain("127.0.0.1");
  expect(secrets).not.toContain("/name");
});
