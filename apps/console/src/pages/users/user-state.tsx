import { Badge } from "../../design/badge.tsx";
import { useTexts } from "../../language/language.tsx";
import { usersTexts } from "./users-texts.ts";

/** live, banned or deleted, as a word. */
export function UserState({ user }: { user: { deletedAt: string | null; banned: boolean } }) {
  const texts = useTexts(usersTexts);
  if (user.deletedAt !== null) return <Badge>{texts.states.deleted}</Badge>;
  if (user.banned) return <Badge tone="bad">{texts.states.banned}</Badge>;
  return <Badge tone="good">{texts.states.live}</Badge>;
}
