import type { Explanation, UserReport } from "@rollcall/contracts";
import { Link } from "@tanstack/react-router";
import { useProfileShape } from "../../api/session.tsx";
import { useFormats } from "../../language/formats.ts";
import { useTexts } from "../../language/language.tsx";
import { explanationTexts } from "./explanation-texts.ts";

/** States that need nothing from an operator. */
const inOrder: ReadonlySet<Explanation["code"]> = new Set([
  "in_place",
  "in_place_admin",
  "in_place_without_profile",
  "deleted",
  "on_its_way",
]);

/** Why the user is in this state, in one sentence, with the way to what helps. */
export function Explained({ report: { explanation, user, conflicts } }: { report: UserReport }) {
  const texts = useTexts(explanationTexts);
  const formats = useFormats();
  const { code, missing, errorCode } = explanation;
  const deletedAt = user?.deletedAt ? formats.dateTime(user.deletedAt) : "–";
  const withoutProfiles = useProfileShape() === null ? texts.withoutProfiles[code] : undefined;
  const sentence =
    withoutProfiles ?? texts.sentences[code]({ errorCode: errorCode ?? "internal", deletedAt });
  const open = conflicts.filter(({ state }) => state === "open");
  const isInOrder = inOrder.has(code) && missing === null && open.length === 0;
  return (
    <div className={`panel why stack tight ${isInOrder ? "" : "warn"}`} role="status">
      <p>
        {missing && `${texts.missing[missing]} `}
        {sentence}
      </p>
      {code === "dead_letter" && errorCode && (
        <p>
          <Link to="/dead-letters" search={{ code: errorCode }}>
            {texts.toDeadLetters}
          </Link>
        </p>
      )}
      {open.length > 0 && <p>{texts.conflict}</p>}
      {open.map(({ id }) => (
        <p key={id}>
          <Link to="/conflicts/$id" params={{ id: String(id) }}>
            {texts.toConflict(String(id))}
          </Link>
        </p>
      ))}
      {code === "held" && (
        <p>
          <Link to="/runs">{texts.toRuns}</Link>
        </p>
      )}
    </div>
  );
}
