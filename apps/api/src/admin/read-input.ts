import { AppError } from "@rollcall/contracts";
import type { z } from "zod";

/**
 * What an admin sent: query, path or body.
 *
 * @throws AppError `request.malformed` that names the fields, never their values
 */
export function readInput<Schema extends z.ZodType>(schema: Schema, value: unknown): z.infer<Schema> {
  const result = schema.safeParse(value ?? {});
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => `${issue.path.join(".") || "body"}: ${issue.message}`);
  throw new AppError("request.malformed", "Admin input", { hint: problems.join("; ") });
}
