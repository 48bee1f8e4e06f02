import type { ConflictDetail } from "@rollcall/contracts";
import { Time } from "../../design/time.tsx";
import { useTexts } from "../../language/language.tsx";
import { conflictsTexts } from "./conflicts-texts.ts";
import { useProfileName } from "./profile-name.ts";

/** How a closed conflict ended, and with which profile. */
export function Outcome({ conflict }: { conflict: ConflictDetail }) {
  const texts = useTexts(conflictsTexts);
  const nameOf = useProfileName(conflict);
  const { state, closedBy, closedAt, present, candidateIds } = conflict;
  // A conflict that an operator resolved gave the user one of its candidates.
  const given = state === "resolved" && present && candidateIds.includes(present.id) ? present : undefined;
  const says = !closedBy
    ? texts.settledItself
    : given
      ? texts.decidedFor(closedBy, nameOf(given.id))
      : texts.decided(texts.closedAs[state], closedBy);
  return (
    <>
      <strong>{says}</strong> <Time at={closedAt} />
    </>
  );
}
