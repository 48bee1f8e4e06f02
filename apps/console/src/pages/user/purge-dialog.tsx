import type { PurgeAnswer, PurgePart, RowKey } from "@rollcall/contracts";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { post } from "../../api/request.ts";
import { useProfileShape } from "../../api/session.tsx";
import { useWrite } from "../../api/write.ts";
import { Button } from "../../design/button.tsx";
import { Checkbox } from "../../design/checkbox.tsx";
import { ConfirmDialog, Dialog } from "../../design/dialog.tsx";
import { Field } from "../../design/field.tsx";
import { Loading, Problem } from "../../design/states.tsx";
import { useTexts } from "../../language/language.tsx";
import { userTexts } from "./user-texts.ts";

type Props = { clerkId: string; onClose: () => void };

/** Lists what a purge erases and what it leaves, as the server would do it now, and asks for the Clerk id. */
export function PurgeDialog({ clerkId, onClose }: Props) {
  const texts = useTexts(userTexts);
  const hasProfiles = useProfileShape() !== null;
  const [keepProfile, setKeepProfile] = useState(false);
  const [also, setAlso] = useState<readonly RowKey[]>([]);
  const [typed, setTyped] = useState("");
  const wish = { keepProfile, also };
  const preview = useQuery({
    queryKey: ["purge-preview", clerkId, wish],
    queryFn: () => post<PurgeAnswer>(`/users/${clerkId}/purge`, { ...wish, preview: true }),
    placeholderData: keepPreviousData,
    staleTime: 0,
    gcTime: 0,
  });
  const purge = useWrite(() => post<PurgeAnswer>(`/users/${clerkId}/purge`, wish), {
    topics: ["user", "users", "dead-letters", "conflicts", "audit"],
  });
  if (purge.data)
    return (
      <Dialog title={texts.purged} isOpen onClose={onClose}>
        <Lists answer={purge.data} />
        <div className="row end">
          <Button look="primary" onPress={onClose} autoFocus>
            {texts.close}
          </Button>
        </div>
      </Dialog>
    );
  const isListed = preview.data !== undefined && !preview.isPlaceholderData;
  return (
    <ConfirmDialog
      title={texts.purgeTitle}
      isOpen
      onClose={onClose}
      action={texts.purgeAction}
      look="danger"
      isPending={purge.isPending}
      isDisabled={!isListed || typed.trim() !== clerkId}
      onConfirm={() => purge.mutate(undefined)}
    >
      <p>{texts.purgeSays}</p>
      {preview.error && <Problem error={preview.error} onRetry={() => void preview.refetch()} />}
      {!preview.data && !preview.error && <Loading />}
      {preview.data && (
        <>
          <Lists answer={preview.data} />
          {hasProfiles && (
            <Checkbox isSelected={keepProfile} onChange={setKeepProfile}>
              {texts.keepProfile}
            </Checkbox>
          )}
          <Candidates answer={preview.data} also={also} onChange={setAlso} />
          <Field
            label={texts.typeId}
            hint={texts.typeIdHint(clerkId)}
            value={typed}
            onChange={setTyped}
            autoComplete="off"
            spellCheck="false"
          />
        </>
      )}
      {purge.error && <Problem error={purge.error} />}
    </ConfirmDialog>
  );
}

/** Keys of integers are numbers in requests. Of other keys, the api takes such a number too, and 007 is a text. */
function readKey(text: string): RowKey {
  return /^[1-9]\d{0,14}$/.test(text) ? Number(text) : text;
}

/** Profiles that once matched the user are another person's unless the operator says otherwise. */
function Candidates({
  answer,
  also,
  onChange,
}: {
  answer: PurgeAnswer;
  also: readonly RowKey[];
  onChange: (also: readonly RowKey[]) => void;
}) {
  const texts = useTexts(userTexts);
  const ids = [...answer.goes, ...answer.stays]
    .filter(({ what }) => what === "candidate")
    .flatMap(({ of }) => of.map(readKey))
    .sort((one, other) => (one < other ? -1 : 1));
  if (ids.length === 0) return null;
  return (
    <fieldset className="stack tight">
      <legend>{texts.also}</legend>
      <p className="soft small">{texts.alsoHint}</p>
      {ids.map((id) => (
        <Checkbox
          key={id}
          isSelected={also.includes(id)}
          onChange={(selected) => onChange(selected ? [...also, id] : also.filter((one) => one !== id))}
        >
          {texts.alsoOne(String(id))}
        </Checkbox>
      ))}
    </fieldset>
  );
}

function Lists({ answer }: { answer: PurgeAnswer }) {
  const texts = useTexts(userTexts);
  return (
    <div className="columns">
      <Parts title={texts.goes} parts={answer.goes} />
      <Parts title={texts.stays} parts={answer.stays} />
    </div>
  );
}

function Parts({ title, parts }: { title: string; parts: readonly PurgePart[] }) {
  const texts = useTexts(userTexts);
  return (
    <section className="stack tight" aria-label={title}>
      <h3>{title}</h3>
      <ul className="parts">
        {parts.map(({ what, of, count }) => (
          <li key={what}>
            {texts.parts[what]}
            {of.length > 0 ? ` (${of.join(", ")})` : count > 1 ? ` (${count})` : ""}
          </li>
        ))}
      </ul>
    </section>
  );
}
