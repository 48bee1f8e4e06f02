import type { ConflictDetail, RowKey } from "@rollcall/contracts";
import { keyFrom, readText } from "../../api/profile-shape.ts";
import { useProfileShape } from "../../api/session.tsx";
import { Button } from "../../design/button.tsx";
import { shortenKey } from "../../design/row-key.ts";
import { useTexts } from "../../language/language.tsx";
import { conflictsTexts } from "./conflicts-texts.ts";
import type { Choice } from "./decision-dialog.tsx";

type Props = { conflict: ConflictDetail; onChoose: ((choice: Choice) => void) | undefined };

/** What each choice does, with its button. A choice that is not possible any more says why. */
export function Effects({ conflict, onChoose }: Props) {
  const texts = useTexts(conflictsTexts);
  const key = keyFrom(useProfileShape(), "name");
  const { effects, candidates } = conflict;
  if (effects.length === 0) return null;
  const nameOf = (id: RowKey) => readText(candidates.find((candidate) => candidate.id === id) ?? null, key);
  return (
    <section className="panel stack" aria-labelledby="effects">
      <h2 id="effects">{texts.choices}</h2>
      {effects.map(({ choice, says }) => {
        const id = "mentoradoId" in choice ? choice.mentoradoId : undefined;
        const isPossible = says !== "taken" && says !== "gone";
        return (
          <div key={id ?? "dismiss"} className="row apart effect">
            <p>
              <strong title={id === undefined ? undefined : String(id)}>
                {id === undefined ? texts.dismiss : texts.candidate(shortenKey(id))}
              </strong>{" "}
              {id !== undefined && nameOf(id) && <span className="soft">{nameOf(id)}</span>}
              <br />
              {texts.effects[says]}
            </p>
            {onChoose && isPossible && (
              <Button
                look={id === undefined ? "normal" : "primary"}
                onPress={() =>
                  onChoose(id === undefined ? { kind: "dismiss" } : { kind: "profile", mentoradoId: id })
                }
              >
                {id === undefined ? texts.dismiss : texts.choose(shortenKey(id))}
              </Button>
            )}
          </div>
        );
      })}
    </section>
  );
}
