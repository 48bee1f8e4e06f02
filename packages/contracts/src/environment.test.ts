import { generateKeyPairSync } from "node:crypto";
import { expect, test } from "vitest";
import { EnvironmentError, listSecrets, readEnvironment, secretVariables, variables } from "./environment.ts";

const pem = (type: "rsa" | "ec") => {
  const { publicKey } =
    type === "rsa"
      ? generateKeyPairSync("rsa", { modulusLength: 2048 })
      : generateKeyPairSync("ec", { namedCurve: "P-256" });
  return publicKey.export({ type: "spki", format: "pem" }).toString();
};
const rsaKey = pem("rsa");
const secret = `whsec_${Buffer.from("24 bytes of a test key..").toString("base64")}`;
const salt = Buffer.from("a salt for tests").toString("base64url");
const hash = `scrypt.32768.8.1.${salt}.${Buffer.alloc(32, 7).toString("base64url")}`;

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
  ["RECONCILE_CONCURRENCY", "1"],
  ["RECONCILE_CONCURRENCY", "100"],
  ["QUEUE_SHARDS", "1"],
  [
    "CLERK_AUTHORIZED_PARTIES",
    "https://app.example.com,chrome-extension://abcdefghijklmnopabcdefghijklmnop,tauri://localhost," +
      "capacitor://localhost,exp://192.0.2.1:8081,safari-web-extension://0A1B2C3D-0000,http://[::1]:3000",
  ],
  ["CLERK_ACCEPT_MISSING_AZP", "true"],
  ["CLERK_ISSUER", "https://clerk.example.com"],
  ["ADMIN_PASSWORD", "twelve chars"],
  ["ADMIN_OPERATORS", `ana:viewer:${hash}, bia.b-c_d:operator:${hash},caio:admin:${hash}`],
  ["ADMIN_OPERATORS", `admin:admin:${hash}`],
  ["ADMIN_PORT", "3100"],
  ["ADMIN_PORT", "0"],
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
  ["CLERK_SECRET_KEY", "sk_test_…", "visible ASCII characters"],
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
  ["QUEUE_SHARDS", "0", ">=1"],
  ["QUEUE_SHARDS", "13", "<=12"],
  ["QUEUE_SHARDS", "2", "without REDIS_URL"],
  ["RECONCILE_CONCURRENCY", "0", ">=1"],
  ["RECONCILE_CONCURRENCY", "101", "<=100"],
  ["RECONCILE_CONCURRENCY", "2.5", "int"],
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
  ["ADMIN_PASSWORD", "a".repeat(1025), "at most 1024 characters"],
  ["ADMIN_USERNAME", "a:b", "no colon"],
  ["ADMIN_USERNAME", "a".repeat(65), "at most 64 characters"],
  ["ADMIN_PORT", "65536", ""],
  ["ADMIN_PORT", "3000", "is PORT"],
  ["ADMIN_OPERATORS", ",", "must name at least one"],
  ["ADMIN_OPERATORS", `ana:viewer:${hash},bia:viewer`, "entry 2 must be name:role:hash"],
  ["ADMIN_OPERATORS", `ana:viewer:${hash}:more`, "entry 1 must be name:role:hash"],
  ["ADMIN_OPERATORS", `:viewer:${hash}`, "entry 1 needs a name"],
  ["ADMIN_OPERATORS", `ana@example.com:viewer:${hash}`, "entry 1 needs a name"],
  ["ADMIN_OPERATORS", `ana:owner:${hash}`, "entry 1 needs one of the roles viewer, operator, admin"],
  ["ADMIN_OPERATORS", "ana:viewer:a password in clear", "entry 1 has no whole hash"],
  ["ADMIN_OPERATORS", `ana:viewer:${hash.slice(0, -1)}`, "entry 1 has no whole hash"],
  ["ADMIN_OPERATORS", `ana:viewer:${hash.replace(salt, salt.slice(1))}`, "entry 1 has no whole hash"],
  ["ADMIN_OPERATORS", `ana:viewer:${hash.replace("32768", "1024")}`, "entry 1 has no whole hash"],
  ["ADMIN_OPERATORS", `ana:viewer:${hash.replace("32768", "32767")}`, "entry 1 has no whole hash"],
  ["ADMIN_OPERATORS", `ana:viewer:${hash.replace("32768", "1048576")}`, "entry 1 has no whole hash"],
  ["ADMIN_OPERATORS", `ana:viewer:${hash},Ana:admin:${hash}`, "entries 1 and 2 have the same name"],
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

test("each problem of ADMIN_OPERATORS is listed, by the entry's place and without its text", () => {
  const entries = [`an a:owner:${hash}`, "bia:viewer", `caio:admin:${hash}`, `caio:viewer:${hash}`];
  const lines = problemsOf({ ADMIN_OPERATORS: entries.join(",") }).split("\n");
  expect(lines).toEqual([
    expect.stringMatching(/ADMIN_OPERATORS entry 1 needs a name .*; needs one of the roles/),
    expect.stringMatching(/ADMIN_OPERATORS entry 2 must be name:role:hash/),
    expect.stringMatching(/ADMIN_OPERATORS entries 3 and 4 have the same name/),
  ]);
  for (const text of ["an a", "bia", "caio", "owner", hash]) expect(lines.join()).not.toContain(text);
});

test.each([{ ADMIN_USERNAME: "ana" }, { ADMIN_USERNAME: "Ana", ADMIN_PASSWORD: "twelve chars" }])(
  "an operator does not share the name of the account of %j",
  (admin) => {
    const problems = problemsOf({ ADMIN_OPERATORS: `ana:viewer:${hash}`, ...admin });
    expect(problems).toMatch(/^ *ADMIN_OPERATORS has an entry with the name of ADMIN_USERNAME/);
  },
);

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

test("no secret has a default", () => {
  for (const name of secretVariables)
    expect([name, variables[name].safeParse(undefined).data]).toEqual([name, undefined]);
});

test("the secret parts of every secret variable are listed, and a database's name is not", () => {
  const secrets = listSecrets({
    DATABASE_URL: "postgres://app:pass%40word@db.example.com/name",
    REDIS_URL: "redis://:one-pass@a:6379, redis://:one-pass@b:6379",
    ALERT_WEBHOOK_URL: "https://chat.example.com/hooks/t0ken?key=s3cret",
    CLERK_SECRET_KEY: "sk_test_abc",
    ADMIN_OPERATORS: `ana:viewer:${hash}`,
    HOST: "127.0.0.1",
  });
  expect(secrets).toEqual(
    expect.arrayContaining([
      hash,
      salt,
      "pass%40word",
      "one-pass",
      "/hooks/t0ken",
      "?key=s3cret",
      "sk_test_abc",
      "abc",
    ]),
  );
  // The logger replaces secrets wherever they stand, and names and roles stand in the log.
  for (const text of ["ana", "viewer"]) expect(secrets).not.toContain(text);
  expect(secrets).not.toContain("127.0.0.1");
  expect(secrets).not.toContain("/name");
});
