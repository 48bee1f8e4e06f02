import type { TRPCError } from "@trpc/server";

/**
 * The part of an error's cause that may be logged: its name and its code, such as a SQLSTATE. Message and stack are left
 * out, because database errors quote rows.
 */
export function describeCause({ code, cause }: Pick<TRPCError, "code" | "cause">): string {
  if (code !== "INTERNAL_SERVER_ERROR" || cause === undefined) return "";
  const reason = "code" in cause ? [cause.name, cause.code] : [cause.name];
  return ` (${reason.filter(isWord).join(" ")})`;
}

function isWord(text: unknown): boolean {
  return typeof text === "string" && /^\w+$/.test(text);
}
