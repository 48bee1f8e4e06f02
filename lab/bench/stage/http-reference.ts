import { z } from "zod";
import { type Stage, webhookSecret } from "./stage.ts";

const readySchema = z.object({ url: z.string() });

/** The routes to compare with. @param ensureAnswer what its ensure says to everybody */
export async function startHttpReference(
  stage: Stage,
  ensureAnswer: unknown,
): Promise<{ pid: number; url: string }> {
  const { redisUrl, databaseUrl } = stage;
  const { pid, ready } = await stage.startReference("http-routes", {
    redisUrl,
    databaseUrl,
    webhookSecret,
    ensureAnswer: ensureAnswer ?? {},
  });
  return { pid, url: readySchema.parse(ready).url };
}
