import type { ConflictDetail } from "@rollcall/contracts";
import { keyFrom, readText } from "../../api/profile-shape.ts";
import { useProfileShape } from "../../api/session.tsx";
import { shortenKey } from "../../design/row-key.ts";
import { useTexts } from "../../language/language.tsx";
import { conflictsTexts } from "./conflicts-texts.ts";

/** The name on a profile of the conflict, or its id while it has none. */
export function useProfileName({ candidates, present }: ConflictDetail): (id: string | number) => string {
  const texts = useTexts(conflictsTexts);
  const key = keyFrom(useProfileShape(), "name");
  return (id) => {
    const profile = [present, ...candidates].find((one) => one?.id === id) ?? null;
    return readText(profile, key) ?? texts.profileName(shortenKey(id));
  };
}
