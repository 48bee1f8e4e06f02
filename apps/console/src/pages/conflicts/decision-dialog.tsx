import type { ConflictDetail, RowKey } from "@rollcall/contracts";
import { useState } from "react";
import { post } from "../../api/request.ts";
import { useWrite } from "../../api/write.ts";
import { Checkbox } from "../../design/checkbox.tsx";
import { ConfirmDialog } from "../../design/dialog.tsx";
import { useMessages } from "../../design/messages.tsx";
import { Problem } from "../../design/states.tsx";
import { useTexts } from "../../language/language.tsx";
import { conflictsTexts } from "./conflicts-texts.ts";
import { Outcome } from "./outcome.tsx";
import { useProfileName } from "./profile-name.ts";

export type Choice = { kind: "profile"; mentoradoId: RowKey } | { kind: "dismiss" };

type Props = { conflict: ConflictDetail; choice: Choice; onClose: () => void };

/** Says what the choice does now, and carries it out. A present profile that was used needs a consent of its own. */
export function DecisionDialog({ conflict, choice, onClose }: Props) {
  const texts = useTexts(conflictsTexts);
  const show = useMessages();
  const [consents, setConsents] = useState(false);
  const effect = findEffect(conflict, choice);
  const unlinks = effect === "links_and_unlinks_profile";
  const decide = useWrite(
    () =>
      post<undefined>(
        `/conflicts/${conflict.id}/resolve`,
        choice.kind === "dismiss"
          ? { dismiss: true }
          : { mentoradoId: choice.mentoradoId, discardProfile: unlinks && consents },
      ),
    {
      topics: ["conflicts", "user", "users", "audit"],
      onDone: () => {
        show({ kind: "good", text: texts.done });
        onClose();
      },
    },
  );
  const nameOf = useProfileName(conflict);
  const title =
    choice.kind === "dismiss"
      ? texts.dismissTitle
      : texts.chooseTitle(conflict.user?.name ?? conflict.clerkId, nameOf(choice.mentoradoId));
  const others =
    choice.kind === "dismiss"
      ? []
      : conflict.candidateIds.filter((id) => id !== choice.mentoradoId && isFree(conflict, id)).map(nameOf);
  return (
    <ConfirmDialog
      title={title}
      isOpen
      onClose={onClose}
      action={choice.kind === "dismiss" ? texts.confirmDismiss : texts.confirmChoose}
      isPending={decide.isPending}
      isDisabled={effect === undefined || (unlinks && !consents)}
      onConfirm={() => decide.mutate(undefined)}
    >
      {effect ? (
        <p>
          {texts.effects[effect]} {others.length > 0 && texts.othersStay(others.join(", "))}
        </p>
      ) : (
        <p role="alert">
          <Outcome conflict={conflict} />
        </p>
      )}
      {unlinks && (
        <Checkbox isSelected={consents} onChange={setConsents}>
          {texts.unlinkConsent}
        </Checkbox>
      )}
      {effect && <p className="soft">{texts.cannotUndo}</p>}
      {decide.error && <Problem error={decide.error} />}
    </ConfirmDialog>
  );
}

/** Whether a candidate still has no user. */
function isFree({ effects }: ConflictDetail, id: string | number): boolean {
  return effects.some(
    ({ choice, says }) =>
      "mentoradoId" in choice && choice.mentoradoId === id && says !== "taken" && says !== "gone",
  );
}

/** Undefined once the conflict is decided. */
function findEffect(conflict: ConflictDetail, choice: Choice) {
  return conflict.effects.find(({ choice: one }) =>
    choice.kind === "dismiss"
      ? "dismiss" in one
      : "mentoradoId" in one && one.mentoradoId === choice.mentoradoId,
  )?.says;
}
