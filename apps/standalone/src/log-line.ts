import { z } from "zod";

const lineSchema = z.looseObject({
  event: z.string(),
  time: z.number(),
  clerkId: z.string().optional(),
  cause: z.string().optional(),
  outcome: z.string().optional(),
  /** The svix-id. */
  delivery: z.string().optional(),
  type: z.string().optional(),
  code: z.string().optional(),
  queue: z.string().optional(),
  /** Of a reconcile run. */
  runId: z.coerce.number().optional(),
  mode: z.string().optional(),
  dryRun: z.boolean().optional(),
  seen: z.number().optional(),
  counts: z.record(z.string(), z.number()).optional(),
});

/** What of a part's log line the terminal tells of. */
export type LogLine = z.infer<typeof lineSchema>;

/** Undefined for a line that is no event, or no JSON at all. */
export function readLogLine(text: string): LogLine | undefined {
  if (!text.startsWith("{")) return undefined;
  try {
    return lineSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
