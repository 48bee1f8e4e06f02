import { z } from "zod";
import {
  areEncryptedAlike,
  areRsaPublicKeys,
  findUrlFault,
  haveOneLogin,
  isAddressRange,
  isCronPattern,
  isLongWebhookSecret,
  isOrigin,
  isRedisUrl,
  isWebhookSecret,
} from "./environment-checks.ts";
import { locales } from "./locale.ts";
import { readOperators, shortestPassword } from "./operators.ts";

const text = z.string().trim().min(1);
const list = text
  .transform(splitList)
  .refine((parts) => parts.length > 0, { error: "must name at least one, separated by commas" });
const port = z.coerce.number().int().min(0).max(65_535);
const milliseconds = z.coerce.number().int().positive();
const flag = z.enum(["true", "false"]).transform((value) => value === "true");

function splitList(value: string): string[] {
  return value
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

/** Adds what is wrong with a URL, once. The text never shows a part of the value. */
function url(...protocols: string[]) {
  return text.superRefine((value, context) => {
    const fault = findUrlFault(value, protocols);
    if (fault !== undefined) context.addIssue({ code: "custom", message: fault });
  });
}

const webUrl = url("https", "http");

/** A key of Standard Webhooks. Shorter keys than 24 bytes can be guessed. */
const longKey = "must have at least 24 bytes of key after whsec_ (32 characters of base64)";

/** The most queues of one name. On so many nodes, Redis takes some 80,000 webhooks a second. */
export const mostQueueShards = 12;

/**
 * Every environment variable of Rollcall, with its form and default. A process picks the variables that it needs, so it
 * never holds a secret that it does not use.
 */
export const variables = {
  DATABASE_URL: url("postgres", "postgresql"),
  DATABASE_MAX_CONNECTIONS: z.coerce.number().int().positive().optional(),
  /** The path of the mapping file. `parseMapping` reads its content. */
  ROLLCALL_CONFIG: text.optional(),
  REDIS_URL: list
    .refine((nodes) => nodes.every((node) => /^rediss?:\/\//.test(node)), {
      error: "each node must start with redis:// or rediss://",
      abort: true,
    })
    .refine((nodes) => nodes.every(isRedisUrl), {
      error:
        "each node must be a URL; in user and password, percent-encode every character but letters and digits",
      abort: true,
    })
    .refine(areEncryptedAlike, {
      error: "must not mix redis:// and rediss://: all nodes of a cluster use TLS, or none does",
    })
    .refine(haveOneLogin, {
      error: "must not name different users or passwords: all nodes of the cluster share one login",
    })
    .optional(),
  QUEUE_SHARDS: z.coerce.number().int().min(1).max(mostQueueShards).default(1),
  HOST: text.default("127.0.0.1"),
  PORT: port.default(3000),
  WORKER_PORT: port.default(3001),
  CLERK_SECRET_KEY: text
    .regex(/^sk_(test|live)_/, "must start with sk_test_ or sk_live_")
    // Another character is no part of a header, and each request would fail as if Clerk were away.
    .regex(/^[!-~]+$/, "must hold visible ASCII characters alone: copy the whole key"),
  CLERK_API_URL: webUrl.default("https://api.clerk.com"),
  CLERK_WEBHOOK_SIGNING_SECRET: list
    .refine((secrets) => secrets.every(isWebhookSecret), {
      error: "each secret must be whsec_ followed by base64",
      abort: true,
    })
    .refine((secrets) => secrets.every(isLongWebhookSecret), { error: `each secret ${longKey}` })
    .optional(),
  CLERK_JWT_KEY: text
    .transform((pem) => pem.replaceAll("\\n", "\n"))
    .refine(areRsaPublicKeys, {
      error: "must be the PEM public key of Clerk's JWKS, RSA and whole (-----BEGIN PUBLIC KEY-----)",
    }),
  CLERK_AUTHORIZED_PARTIES: list.refine((origins) => origins.every(isOrigin), {
    error:
      "must be a comma-separated list of origins, scheme://host[:port] without a path or a slash at the end, like https://app.example.com or capacitor://localhost",
  }),
  CLERK_ACCEPT_MISSING_AZP: flag.default(false),
  CLERK_ISSUER: webUrl.optional(),
  // The login form takes as many characters. By Basic, a name ends at its first colon.
  ADMIN_USERNAME: text.regex(/^[^:]{1,64}$/, "must have at most 64 characters and no colon").default("admin"),
  ADMIN_PASSWORD: text
    .refine((value) => [...value].length >= shortestPassword, {
      error: `must have at least ${shortestPassword} characters`,
    })
    .max(1024, "must have at most 1024 characters")
    .optional(),
  ADMIN_OPERATORS: list
    .transform((parts, context) => {
      const { entries, problems } = readOperators(parts);
      for (const message of problems) context.addIssue({ code: "custom", message });
      return entries;
    })
    .optional(),
  ADMIN_PORT: port.optional(),
  BOARD_READ_ONLY: flag.default(true),
  METRICS_TOKEN: text
    .regex(
      /^[\w.~+/=-]{8,}$/,
      "must have at least 8 characters, and only those of a bearer token: letters, digits and -._~+/=",
    )
    .optional(),
  TRUST_PROXY: text
    .refine((value) => value === "true" || value === "false" || value.split(",").every(isAddressRange), {
      error:
        "must be true, false, or a comma-separated list of the proxies' addresses or ranges like 10.0.0.0/8; it is no number of proxies",
    })
    .optional(),
  ENABLE_AUTO_CREATE: text.default("true").transform((value) => value !== "false"),
  DEFAULT_TURMA: z
    .string()
    .regex(/^[a-z0-9_]{1,64}$/, "must be a slug")
    .default("neon"),
  DEFAULT_NOME: text.default("New User"),
  SESSION_CACHE_TTL_S: z.coerce.number().int().positive().default(300),
  APP_SESSION_KEY: text.default("session:{clerkId}"),
  ENSURE_TIMEOUT_MS: milliseconds.default(2000),
  RECONCILE_FULL_CRON: text
    .refine(isCronPattern, { error: "must be a cron pattern of five fields, like 0 3 * * *, in UTC" })
    .default("0 3 * * *"),
  RECONCILE_CATCHUP_EVERY_MS: milliseconds.default(60_000),
  RECONCILE_CONCURRENCY: z.coerce.number().int().min(1).max(100).default(16),
  CLERK_RATE_BUDGET: z.coerce
    .number()
    .gt(0, "must be over 0 and at most 1")
    .max(1, "must be over 0 and at most 1")
    .default(0.5),
  MENTORADO_CREATED_URL: webUrl.optional(),
  MENTORADO_CREATED_SECRET: text
    .refine(isWebhookSecret, { error: "must be whsec_ followed by base64", abort: true })
    .refine(isLongWebhookSecret, { error: longKey })
    .optional(),
  ALERT_WEBHOOK_URL: webUrl.optional(),
  SUPPORT_URL: z
    .union([text.regex(/^mailto:[^\s<>"]+$/), webUrl], {
      error: "must be a URL that starts with https://, http:// or mailto:, without user and password",
    })
    .optional(),
  MESSAGES_LOCALE: z.enum(locales).default("pt-BR"),
  LOG_LEVEL: z.enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"]).default("info"),
  // OpenTelemetry's SDK reads these and its other variables itself. A wrong one is logged, and stops no process.
  OTEL_EXPORTER_OTLP_ENDPOINT: text.optional(),
  OTEL_EXPORTER_OTLP_HEADERS: text.optional(),
  OTEL_EXPORTER_OTLP_TRACES_HEADERS: text.optional(),
  OTEL_EXPORTER_OTLP_METRICS_HEADERS: text.optional(),
  OTEL_EXPORTER_OTLP_LOGS_HEADERS: text.optional(),
} as const;

/**
 * The variables whose value, or a part of it, opens something. None of them may appear in any output: the logger replaces
 * them by value.
 */
export const secretVariables = [
  "DATABASE_URL",
  "REDIS_URL",
  "CLERK_SECRET_KEY",
  "CLERK_WEBHOOK_SIGNING_SECRET",
  "ADMIN_PASSWORD",
  "ADMIN_OPERATORS",
  "METRICS_TOKEN",
  "MENTORADO_CREATED_URL",
  "MENTORADO_CREATED_SECRET",
  "ALERT_WEBHOOK_URL",
  "OTEL_EXPORTER_OTLP_ENDPOINT",
  "OTEL_EXPORTER_OTLP_HEADERS",
  "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
  "OTEL_EXPORTER_OTLP_METRICS_HEADERS",
  "OTEL_EXPORTER_OTLP_LOGS_HEADERS",
] as const satisfies readonly (keyof typeof variables)[];

/**
 * The texts that must not appear in any output: each secret as it is configured, each part of a list, and of a URL the
 * password, the path and the query.
 */
export function listSecrets(environment: Readonly<Record<string, string | undefined>>): string[] {
  const found = secretVariables.flatMap((name) => {
    const value = environment[name]?.trim();
    if (!value) return [];
    const parts = [value, ...splitList(value)];
    return [...parts, ...parts.flatMap(listSecretParts)];
  });
  return [...new Set(found)];
}

function listSecretParts(value: string): string[] {
  const key = /^(?:whsec|sk_(?:test|live))_(.+)$/.exec(value)?.[1];
  if (key !== undefined) return [key];
  const hash = /:(scrypt\..+)$/.exec(value)?.[1];
  if (hash !== undefined) return [hash, ...hash.split(".").slice(-2)];
  // OTEL_EXPORTER_OTLP_HEADERS: authorization=Bearer%20…
  const header = /^[\w-]+=(.+)$/.exec(value)?.[1];
  if (header !== undefined) return [header, ...header.split(/%20|\s/)];
  if (!URL.canParse(value)) return [];
  const { password, pathname, search, protocol } = new URL(value);
  // The path of a database's URL is the database's name, which is no secret.
  const isWeb = protocol === "https:" || protocol === "http:";
  return [password, ...(isWeb ? [pathname + search, pathname, search] : [])].filter(
    (part) => part.length > 1,
  );
}

/** Variables that need another variable. */
const companions = { MENTORADO_CREATED_URL: "MENTORADO_CREATED_SECRET" } as const;

/** What is wrong between variables that may each be right. */
function findContradictions(
  shape: z.ZodRawShape,
  present: Readonly<Record<string, string | undefined>>,
): string[] {
  const problems = Object.entries(companions)
    .filter(([name, needed]) => name in shape && present[name] !== undefined && present[needed] === undefined)
    .map(([name, needed]) => `${needed} is missing; ${name} needs it`);
  if ("ADMIN_OPERATORS" in shape && hasNameOfAdmin(present))
    problems.push(
      "ADMIN_OPERATORS has an entry with the name of ADMIN_USERNAME: give one of them another name",
    );
  if ("QUEUE_SHARDS" in shape && areShardsOnPostgres(present))
    problems.push(
      "QUEUE_SHARDS is above 1 without REDIS_URL: queues on Postgres share one database, where shards bring nothing. Remove it",
    );
  if ("ADMIN_PORT" in shape && isPortOfAll(present))
    problems.push("ADMIN_PORT is PORT: give one of them another number");
  return problems;
}

function hasNameOfAdmin(present: Readonly<Record<string, string | undefined>>): boolean {
  // Without both there is no account of ADMIN_USERNAME, and an operator may have its default name.
  if (present["ADMIN_PASSWORD"] === undefined && present["ADMIN_USERNAME"] === undefined) return false;
  const { ADMIN_USERNAME, ADMIN_OPERATORS } = variables;
  const admin = ADMIN_USERNAME.safeParse(present["ADMIN_USERNAME"]).data?.toLowerCase();
  const operators = ADMIN_OPERATORS.safeParse(present["ADMIN_OPERATORS"]).data ?? [];
  return operators.some(({ name }) => name.toLowerCase() === admin);
}

function areShardsOnPostgres({
  QUEUE_SHARDS,
  REDIS_URL,
}: Readonly<Record<string, string | undefined>>): boolean {
  return REDIS_URL === undefined && (variables.QUEUE_SHARDS.safeParse(QUEUE_SHARDS).data ?? 1) > 1;
}

function isPortOfAll(present: Readonly<Record<string, string | undefined>>): boolean {
  const { PORT, ADMIN_PORT } = variables;
  const adminPort = ADMIN_PORT.safeParse(present["ADMIN_PORT"]).data;
  // 0: each listener gets a free port of its own.
  return adminPort !== undefined && adminPort !== 0 && adminPort === PORT.safeParse(present["PORT"]).data;
}

/** The environment is incomplete or malformed. The message lists every problem and never shows a value. */
export class EnvironmentError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(
      ["The environment is incomplete or malformed:", ...problems.map((problem) => `  ${problem}`)].join(
        "\n",
      ),
    );
    this.name = "EnvironmentError";
    this.problems = problems;
  }
}

/**
 * Reads the variables of `shape` from `environment`. An empty variable counts as unset.
 *
 * @throws EnvironmentError that names every missing or malformed variable
 */
export function readEnvironment<Shape extends z.ZodRawShape>(
  shape: Shape,
  environment: Readonly<Record<string, string | undefined>>,
): z.infer<z.ZodObject<Shape>> {
  const present = Object.fromEntries(Object.entries(environment).filter(([, value]) => value?.trim()));
  const result = z.object(shape).safeParse(present);
  const contradictions = findContradictions(shape, present);
  if (result.success && contradictions.length === 0) return result.data;
  throw new EnvironmentError([
    ...(result.error?.issues ?? []).map((issue) => {
      const name = String(issue.path[0]);
      return present[name] === undefined ? `${name} is missing` : `${name} ${issue.message}`;
    }),
    ...contradictions,
  ]);
}
