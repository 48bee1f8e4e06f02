import type { ConflictDetail } from "@rollcall/contracts";
import { Link, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { useAnswer } from "../../api/queries.ts";
import { useMay } from "../../api/session.tsx";
import { Answered } from "../../design/states.tsx";
import { SubjectLink } from "../../design/subject-link.tsx";
import { useTexts } from "../../language/language.tsx";
import { useTitle } from "../../layout/use-title.ts";
import { Candidates } from "./candidates.tsx";
import { conflictsTexts } from "./conflicts-texts.ts";
import { type Choice, DecisionDialog } from "./decision-dialog.tsx";
import { Effects } from "./effects.tsx";
import { Outcome } from "./outcome.tsx";
import "./conflicts.css";

export function ConflictPage() {
  const { id } = useParams({ from: "/conflicts/$id" });
  const texts = useTexts(conflictsTexts);
  const title = texts.one(id);
  useTitle(title);
  const conflict = useAnswer<ConflictDetail>("conflicts", `/conflicts/${encodeURIComponent(id)}`);
  return (
    <div className="stack">
      <Link to="/conflicts">{texts.back}</Link>
      <h1>{title}</h1>
      <Answered of={conflict}>{(answer) => <Decision conflict={answer} />}</Answered>
    </div>
  );
}

/** The user and the candidates side by side, and what each choice does. */
function Decision({ conflict }: { conflict: ConflictDetail }) {
  const texts = useTexts(conflictsTexts);
  const mayDecide = useMay("operator");
  const [choice, setChoice] = useState<Choice>();
  const { clerkId, reason, state, user } = conflict;
  return (
    <>
      <div className="panel stack tight">
        <p>
          {user?.name && <strong>{user.name}</strong>} <SubjectLink clerkId={clerkId} />
        </p>
        <p>{texts.reasons[reason] ?? texts.otherReason(reason)}</p>
        {state === "open" ? (
          <p>
            <strong>{texts.whose}</strong> {!mayDecide && <span className="soft">{texts.viewerNote}</span>}
          </p>
        ) : (
          <p role="status">
            <Outcome conflict={conflict} />
          </p>
        )}
      </div>
      <Candidates conflict={conflict} />
      <Effects conflict={conflict} onChoose={mayDecide ? setChoice : undefined} />
      {choice && <DecisionDialog conflict={conflict} choice={choice} onClose={() => setChoice(undefined)} />}
    </>
  );
}
