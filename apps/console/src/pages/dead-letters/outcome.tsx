import type { DeadLetterView, ReplayAnswer } from "@rollcall/contracts";
import { Link } from "@tanstack/react-router";
import { Button } from "../../design/button.tsx";
import { useProblemText } from "../../design/states.tsx";
import { SubjectLink } from "../../design/subject-link.tsx";
import { useFormats } from "../../language/formats.ts";
import { useTexts } from "../../language/language.tsx";
import { deadLettersTexts } from "./dead-letters-texts.ts";

/** The dead letters of a piece of work. `count` is what the page showed before. */
export type Letters =
  | { kind: "some"; letters: readonly DeadLetterView[] }
  | { kind: "code"; code: string; count: number }
  | { kind: "all"; count: number };

/** What really happened, added up over all calls. */
export type Outcome = {
  does: "replay" | "discard";
  letters: Letters;
  done: number;
  refused: ReplayAnswer["refused"];
  /** ended: nothing is left. stopped: by the operator. Otherwise the failure of the last call. */
  end: "ended" | "stopped" | { error: unknown };
};

export function OutcomeReport({ outcome, onClose }: { outcome: Outcome; onClose: () => void }) {
  const texts = useTexts(deadLettersTexts);
  const formats = useFormats();
  const describe = useProblemText();
  const { does, done, refused, end, letters } = outcome;
  const number = formats.number(done);
  const subjects = new Map(
    letters.kind === "some" ? letters.letters.map(({ id, clerkId }) => [id, clerkId]) : [],
  );
  return (
    <section className="panel stack tight outcome" role="status">
      <div className="row apart">
        <p>
          <strong>{does === "replay" ? texts.replayed(done, number) : texts.discarded(done, number)}</strong>{" "}
          {done === 0 && refused.length === 0 && end === "ended" && texts.nothing}
          {end === "stopped" && texts.stopped}
        </p>
        <Button look="plain" onPress={onClose}>
          {texts.dismiss}
        </Button>
      </div>
      {typeof end === "object" && (
        <p>
          {done > 0 && texts.brokeOff} {describe(end.error)}
        </p>
      )}
      {refused.length > 0 && <p>{texts.refused(refused.length, formats.number(refused.length))}</p>}
      {refused.length > 0 && (
        <ul className="parts">
          {refused.map(({ id, message }) => {
            const clerkId = subjects.get(id);
            return (
              <li key={id}>
                {clerkId ? <SubjectLink clerkId={clerkId} /> : <code>{id}</code>}: {message}
              </li>
            );
          })}
        </ul>
      )}
      {does === "replay" && done > 0 && (
        <p>
          <Link to="/activity">{texts.seeActivity}</Link>
        </p>
      )}
    </section>
  );
}
