import { z } from "zod";

const text = z.string().trim().min(1);

/** The environment of the server. */
export const configurationSchema = z.object({
  HOST: text.default("127.0.0.1"),
  PORT: z.coerce.number().int().min(0).max(65_535).default(3003),
  DATABASE_URL: text,
  /** Rollcall's api, as both this server and the browser reach it. */
  ROLLCALL_URL: z.url(),
  /** The Clerk simulator, for sign-up and sign-in. */
  SIMULATOR_URL: z.url(),
  /** PEM; a literal \n stands for a line break. */
  CLERK_JWT_KEY: text.transform((pem) => pem.replaceAll("\\n", "\n")),
  /** Origins whose session tokens are accepted, comma-separated. */
  CLERK_AUTHORIZED_PARTIES: text.transform((origins) => origins.split(",").map((origin) => origin.trim())),
  /** The link for help when a profile cannot be made. */
  SUPPORT_URL: text.optional(),
});

export type Configuration = z.infer<typeof configurationSchema>;

/** The part of the configuration for the browser. */
export type PageConfiguration = {
  rollcallUrl: string;
  simulatorUrl: string;
  supportUrl: string | null;
};

export function toPageConfiguration(configuration: Configuration): PageConfiguration {
  return {
    rollcallUrl: configuration.ROLLCALL_URL,
    simulatorUrl: configuration.SIMULATOR_URL,
    supportUrl: configuration.SUPPORT_URL ?? null,
  };
}
