import type { z } from "zod";
import { UsageError } from "./command.ts";

/** What was typed, as the admin API would take it. @throws UsageError with a sentence for each fault */
export function readTyped<Schema extends z.ZodType>(schema: Schema, value: unknown): z.infer<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new UsageError(
    result.error.issues
      .map((issue) => [issue.path.join("."), issue.message].filter(Boolean).join(" "))
      .join("; "),
  );
}
