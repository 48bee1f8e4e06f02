import { z } from "zod";
import { type ClerkSimulatorOptions, startClerkSimulator } from "./simulator.ts";

const environmentSchema = z.object({
  SIM_PORT: z.coerce.number().int().min(0).max(65_535).default(0),
  SIM_SECRET_KEY: z.string().startsWith("sk_").optional(),
  SIM_WEBHOOK_URL: z.url().optional(),
  /** `whsec_` and base64. Several secrets are separated by commas, and all of them sign. */
  SIM_WEBHOOK_SECRET: z.string().optional(),
  /** Multiplies the waits between webhook retries. */
  SIM_TIME_SCALE: z.coerce.number().positive().optional(),
  SIM_SEED_USERS: z.coerce.number().int().nonnegative().default(0),
  /** `requests/windowMs` or `off`; by default the prefix of the key decides. */
  SIM_RATE_LIMIT: z
    .string()
    .regex(/^(off|\d+\/\d+)$/)
    .optional(),
  /** `ignored`: `starting_after` has no effect. */
  SIM_CURSOR: z.enum(["honoured", "ignored"]).optional(),
  /** Host names by which the simulator may be called besides the loopback names, separated by commas. */
  SIM_HOSTS: z
    .string()
    .default("")
    .transform((hosts) => hosts.toLowerCase().split(",").filter(Boolean)),
  /** Seed of the reproducible random values. */
  SIM_RANDOM_SEED: z.coerce.number().int().nonnegative().optional(),
});

type Environment = z.infer<typeof environmentSchema>;

const environment = environmentSchema.safeParse(process.env);
if (environment.success) await run(environment.data);
else {
  process.stderr.write(`${z.prettifyError(environment.error)}\n`);
  process.exitCode = 2;
}

async function run(environment: Environment): Promise<void> {
  const simulator = await startClerkSimulator(optionsFrom(environment));
  await simulator.users.seed(environment.SIM_SEED_USERS);
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void simulator.stop());
  process.stdout.write(`${JSON.stringify({ url: simulator.url })}\n`);
}

function optionsFrom(environment: Environment): ClerkSimulatorOptions {
  return {
    port: environment.SIM_PORT,
    secretKey: environment.SIM_SECRET_KEY,
    rateLimit: readRateLimit(environment.SIM_RATE_LIMIT),
    seed: environment.SIM_RANDOM_SEED,
    cursor: environment.SIM_CURSOR,
    hosts: environment.SIM_HOSTS,
    webhook: {
      url: environment.SIM_WEBHOOK_URL,
      secrets: environment.SIM_WEBHOOK_SECRET?.split(","),
      timeScale: environment.SIM_TIME_SCALE,
    },
  };
}

function readRateLimit(text: string | undefined): ClerkSimulatorOptions["rateLimit"] {
  if (text === undefined) return undefined;
  if (text === "off") return null;
  const [requests = 0, windowMs = 0] = text.split("/").map(Number);
  return { requests, windowMs };
}
