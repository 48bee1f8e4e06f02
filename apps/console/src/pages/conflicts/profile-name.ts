import type { ConflictDetail } from "@rollcall/contracts";
import { useTexts } from "../../language/language.tsx";
import { conflictsTexts } from "./conflicts-texts.ts";

/** The name on a profile of the conflict, or its id while it has none. */
export function useProfileName({ candidates, present }: ConflictDetail): (id: string | number) => string {
  const texts = useTexts(conflictsTexts);
  return (id) => {
    const profile = [present, ...candidates].find((one) => one?.id === id);
    const name = profile?.nomeCompleto;
    // An app's own profiles may call it otherwise, or have none.
    return typeof name === "string" && name !== "" ? name : texts.profileName(String(id));
  };
}
