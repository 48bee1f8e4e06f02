import { z } from "zod";

const text = z.string().trim().min(1);

/** What the server reads from its environment. */
export const configurationSchema = z.object({
  HOST: text.default("127.0.0.1"),
  PORT: z.coerce.number().int().min(0).max(65_535).default(3003),
  DATABASE_URL: text,
  /** Rollcall's api, as both this server and the browser reach it. */
  ROLLCALL_URL: z.url(),
  /** Where people sign up and in: the Clerk simulator's stand-in for Clerk's frontend API. */
  CLERK_FRONTEND_URL: z.url(),
  /** PEM; a literal \n stands for a line break. */
  CLERK_JWT_KEY: text.transform((pem) => pem.replaceAll("\\n", "\n")),
  /** Origins whose session tokens count, comma-separated. */
  CLERK_AUTHORIZED_PARTIES: text.transform((origins) => origins.split(",").map((origin) => origin.trim())),
  /** Where people get help when their profile cannot be made. */
  SUPPORT_URL: text.optional(),
});

export type Configuration = z.infer<typeof configurationSchema>;

/** What of it the browser is told. */
export type PageConfiguration = {
  rollcallUrl: string;
  clerkUrl: string;
  supportUrl: string | null;
};

export function toPageConfiguration(configuration: Configuration): PageConfiguration {
  return {
    rollcallUrl: configuration.ROLLCALL_URL,
    clerkUrl: configuration.CLERK_FRONTEND_URL,
    supportUrl: configuration.SUPPORT_URL ?? null,
  };
}
