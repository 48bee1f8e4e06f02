import type { TierAnswer, UserReport } from "@rollcall/contracts";
import { useState } from "react";
import { ApiProblem, patch } from "../../api/request.ts";
import { useMay } from "../../api/session.tsx";
import { useWrite } from "../../api/write.ts";
import { Button } from "../../design/button.tsx";
import { ConfirmDialog } from "../../design/dialog.tsx";
import { Field } from "../../design/field.tsx";
import { useMessages } from "../../design/messages.tsx";
import { Problem } from "../../design/states.tsx";
import { useTexts } from "../../language/language.tsx";
import { PurgeDialog } from "./purge-dialog.tsx";
import { RefreshButton } from "./refresh-button.tsx";
import { userTexts } from "./user-texts.ts";

type Props = { report: UserReport; onReload: () => void };

/** What the operator's role may do with this user. */
export function UserActions({ report, onReload }: Props) {
  const texts = useTexts(userTexts);
  const [open, setOpen] = useState<"tier" | "purge">();
  const mayAct = useMay("operator");
  const mayPurge = useMay("admin");
  const { clerkId, user } = report;
  const isDeleted = user !== null && user.deletedAt !== null;
  return (
    <div className="stack tight">
      <div className="row">
        <Button onPress={onReload}>{texts.reload}</Button>
        {mayAct && !isDeleted && (
          <RefreshButton<UserReport>
            of="user"
            id={clerkId}
            mark={({ user: row }) => [row?.readTicket, row?.deletedAt]}
            hasRow={({ user: row }) => row !== null}
          />
        )}
        {mayAct && user && !isDeleted && <Button onPress={() => setOpen("tier")}>{texts.changeTier}</Button>}
        {mayPurge && isDeleted && (
          <Button look="danger" onPress={() => setOpen("purge")}>
            {texts.purge}
          </Button>
        )}
      </div>
      {mayPurge && user && !isDeleted && <p className="soft small">{texts.purgeNeedsDeletion}</p>}
      {open === "tier" && user && (
        <TierDialog clerkId={clerkId} tier={user.tier} onClose={() => setOpen(undefined)} />
      )}
      {open === "purge" && <PurgeDialog clerkId={clerkId} onClose={() => setOpen(undefined)} />}
    </div>
  );
}

/** As contracts have it. */
const tierPattern = /^[A-Z][A-Z0-9_]{0,31}$/;

/**
 * The server is sent the tier that the operator saw. If another operator changed it meanwhile, it says so and does nothing;
 * what was typed stays, and the operator decides again.
 */
function TierDialog({ clerkId, tier, onClose }: { clerkId: string; tier: string; onClose: () => void }) {
  const texts = useTexts(userTexts);
  const show = useMessages();
  const [typed, setTyped] = useState("");
  // The page follows the user. What the operator decides on is what the dialog said when it opened.
  const [seen, setSeen] = useState(tier);
  const isValid = tierPattern.test(typed);
  const change = useWrite(() => patch<TierAnswer>(`/users/${clerkId}`, { tier: typed, expectedTier: seen }), {
    topics: ["user", "users", "audit"],
    onDone: () => {
      show({ kind: "good", text: texts.tierDone(typed) });
      onClose();
    },
  });
  const wasChanged = change.error instanceof ApiProblem && change.error.code === "admin.changed_meanwhile";
  if (wasChanged && seen !== tier) setSeen(tier);
  return (
    <ConfirmDialog
      title={texts.tierTitle}
      isOpen
      onClose={onClose}
      action={isValid ? texts.tierAction(typed) : texts.changeTier}
      isPending={change.isPending}
      isDisabled={!isValid}
      onConfirm={() => change.mutate(undefined)}
    >
      <p>{texts.tierIs(seen)}</p>
      <Field
        label={texts.newTier}
        hint={texts.newTierHint}
        value={typed}
        onChange={(text) => setTyped(text.toUpperCase())}
        isInvalid={typed !== "" && !isValid}
        maxLength={32}
        autoComplete="off"
        autoFocus
      />
      {change.error && <Problem error={change.error} />}
      {wasChanged && <p>{texts.tierAgain(seen)}</p>}
    </ConfirmDialog>
  );
}
