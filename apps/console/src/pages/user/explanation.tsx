import type { UserReport } from "@rollcall/contracts";
import { Link } from "@tanstack/react-router";
import { useFormats } from "../../language/formats.ts";
import { useTexts } from "../../language/language.tsx";
import { explanationTexts } from "./explanation-texts.ts";

/** Why the user is in this state, in one sentence, with the way to what helps. */
export function Explained({ report: { explanation, user } }: { report: UserReport }) {
  const texts = useTexts(explanationTexts);
  const formats = useFormats();
  const { code, missing, errorCode } = explanation;
  const deletedAt = user?.deletedAt ? formats.dateTime(user.deletedAt) : "–";
  const sentence = texts.sentences[code]({ errorCode: errorCode ?? "internal", deletedAt });
  return (
    <div className="panel why stack tight" role="status">
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
      {code === "held" && (
        <p>
          <Link to="/runs">{texts.toRuns}</Link>
        </p>
      )}
    </div>
  );
}
