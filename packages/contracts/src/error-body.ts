import { z } from "zod";

/** The body of every error answer; `message` is for people, `code` for programs. */
export const errorBody = z.object({
  error: z.object({ code: z.string(), message: z.string() }),
  requestId: z.string(),
});

export type ErrorBody = z.infer<typeof errorBody>;
