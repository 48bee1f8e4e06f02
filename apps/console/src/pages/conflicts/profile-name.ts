import type { ConflictDetail } from "@rollcall/contracts";
import { useTexts } from "../../language/language.tsx";
import { conflictsTexts } from "./conflicts-texts.ts";

/** The name on a profile of the conflict, or its id while it has none. */
export function useProfileName({ candidates, present }: ConflictDetail): (id: number) => string {
  const texts = useTexts(conflictsTexts);
  return (id) => {
    const profile = [present, ...candidates].find((one) => one?.id === id);
    return profile?.nomeCompleto || texts.profileName(String(id));
  };
}
