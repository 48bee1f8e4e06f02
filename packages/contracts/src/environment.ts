import { z } from "zod";
import {
  areEncryptedAlike,
  areRsaPublicKeys,
  haveOneLogin,
  isAddressRange,
  isCronPattern,
  isOrigin,
  isRedisUrl,
  isWebhookSecret,
} from "./environment-checks.ts";
import { locales } from "./locale.ts";

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

function url(...protocols: string[]) {
  const allowed = protocols.map((protocol) => `${protocol}://`).join(" or ");
  return text.refine((value) => protocols.some((protocol) => value.startsWith(`${protocol}://`)), {
    error: `must start with ${allowed}`,
  });
}

/**
 * Every environment variable of Rollcall, with its form and default. A process picks the variables that it needs, so it
 * never holds a secret that it does not use.
 */
export const variables = {
  DATABASE_URL: url("postgres", "postgresql"),
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
  HOST: text.default("127.0.0.1"),
  PORT: port.default(3000),
  WORKER_PORT: port.default(3001),
  CLERK_SECRET_KEY: text.regex(/^sk_(test|live)_/, "must start with sk_test_ or sk_live_"),
  CLERK_API_URL: url("https", "http").default("https://api.clerk.com"),
  CLERK_WEBHOOK_SIGNING_SECRET: list
    .refine((secrets) => secrets.every(isWebhookSecret), {
      error: "each secret must be whsec_ followed by base64",
    })
    .optional(),
  CLERK_JWT_KEY: text
    .transform((pem) => pem.replaceAll("\\n", "\n"))
    .refine(areRsaPublicKeys, {
      error: "must be the PEM public key of Clerk's JWKS, RSA and whole (-----BEGIN PUBLIC KEY-----)",
    }),
  CLERK_AUTHORIZED_PARTIES: list.refine((origins) => origins.every(isOrigin), {
    error: "must be a comma-separated list of origins like https://app.example.com",
  }),
  ADMIN_USERNAME: text.default("admin"),
  ADMIN_PASSWORD: text.optional(),
  BOARD_READ_ONLY: flag.default(true),
  METRICS_TOKEN: text.optional(),
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
  CLERK_RATE_BUDGET: z.coerce
    .number()
    .gt(0, "must be over 0 and at most 1")
    .max(1, "must be over 0 and at most 1")
    .default(0.5),
  MENTORADO_CREATED_URL: url("https", "http").optional(),
  MENTORADO_CREATED_SECRET: text
    .refine(isWebhookSecret, { error: "must be whsec_ followed by base64" })
    .optional(),
  ALERT_WEBHOOK_URL: url("https", "http").optional(),
  SUPPORT_URL: text
    .refine((value) => /^(https?:\/\/|mailto:)/.test(value), {
      error: "must start with https://, http:// or mailto:",
    })
    .optional(),
  MESSAGES_LOCALE: z.enum(locales).default("pt-BR"),
  LOG_LEVEL: z.enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"]).default("info"),
} as const;

/** Variables that need another variable. */
const companions = { MENTORADO_CREATED_URL: "MENTORADO_CREATED_SECRET" } as const;

/** The environment is incomplete or malformed. The message lists every problem and never shows a value. */
export class EnvironmentError extends Error {
  constructor(problems: readonly string[]) {
    super(
      ["The environment is incomplete or malformed:", ...problems.map((problem) => `  ${problem}`)].join(
        "\n",
      ),
    );
    this.name = "EnvironmentError";
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
  const alone = Object.entries(companions).filter(
    ([name, needed]) => name in shape && present[name] !== undefined && present[needed] === undefined,
  );
  if (result.success && alone.length === 0) return result.data;
  throw new EnvironmentError([
    ...(result.error?.issues ?? []).map((issue) => {
      const name = String(issue.path[0]);
      return present[name] === undefined ? `${name} is missing` : `${name} ${issue.message}`;
    }),
    ...alone.map(([name, needed]) => `${needed} is missing; ${name} needs it`),
  ]);
}
