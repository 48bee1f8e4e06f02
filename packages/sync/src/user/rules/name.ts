import type { ClerkUser } from "@rollcall/clerk";
import { decideEmail } from "./email.ts";
import { textOrNull } from "./text.ts";

/** First and last name, else the username, else the email's local part, else null. */
export function decideName(user: ClerkUser): string | null {
  const fullName = [textOrNull(user.first_name), textOrNull(user.last_name)].filter((part) => part !== null);
  if (fullName.length > 0) return fullName.join(" ");
  return textOrNull(user.username) ?? localPart(decideEmail(user).email);
}

function localPart(email: string | null): string | null {
  const at = email?.lastIndexOf("@") ?? -1;
  return at > 0 ? textOrNull(email?.slice(0, at)) : null;
}
