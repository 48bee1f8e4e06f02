import type { ClerkUser } from "@rollcall/clerk";

const slug = /^[a-z0-9_]{1,64}$/;

/** Only the exact word makes an admin: anything else in people's metadata must not. */
export function decideIsAdmin(user: ClerkUser): boolean {
  return user.public_metadata?.["role"] === "admin";
}

/** The class that public metadata names, when it is a slug; else null, for the default. */
export function decideTurma(user: ClerkUser): string | null {
  const turma = user.public_metadata?.["turma"];
  return typeof turma === "string" && slug.test(turma) ? turma : null;
}
