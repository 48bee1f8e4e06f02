import type { BulkAction, BulkAnswer, UserEntry } from "@rollcall/contracts";
import { useState } from "react";
import { ApiProblem, post } from "../../api/request.ts";
import { useWrite } from "../../api/write.ts";
import { ConfirmDialog } from "../../design/dialog.tsx";
import { Field } from "../../design/field.tsx";
import { useMessages } from "../../design/messages.tsx";
import { Loading, Problem } from "../../design/states.tsx";
import { useFormats } from "../../language/formats.ts";
import { useTexts } from "../../language/language.tsx";
import { useFilterTexts } from "./describe-filter.ts";
import { toTarget, type UserSelection } from "./selection.ts";
import { useSelectedCount } from "./use-selected-count.ts";
import type { FilterValues } from "./user-filter.ts";
import { usersTexts } from "./users-texts.ts";

type Props = {
  action: "refresh" | "tier";
  selection: UserSelection;
  filter: FilterValues;
  searchText: string;
  tiers: readonly string[];
  /** The selected users that the page has loaded, none of them deleted. */
  users: readonly UserEntry[];
  onClose: () => void;
  onStarted: (bulkId: number | undefined) => void;
};

/** As contracts have it. */
const tierPattern = /^[A-Z][A-Z0-9_]{0,31}$/;

/**
 * Counts the users of a bulk change, says what happens to them, and starts it. If more users match by the time of the
 * confirmation, the server refuses, and the operator sees the new number first.
 */
export function BulkDialog({
  action,
  selection,
  filter,
  searchText,
  tiers,
  users,
  onClose,
  onStarted,
}: Props) {
  const texts = useTexts(usersTexts);
  const formats = useFormats();
  const show = useMessages();
  const [tier, setTier] = useState("");
  const hasTier = tierPattern.test(tier);
  const does: BulkAction = action === "tier" && hasTier ? { tier } : { refresh: true };
  const target = toTarget(selection, filter, searchText);
  const preview = useSelectedCount(selection, filter, searchText, { enabled: true });
  const matching = preview.data?.matching;
  const start = useWrite(
    (expected: number) => post<BulkAnswer>("/users/bulk", { ...target, action: does, expected }),
    {
      topics: ["bulk", "bulk-preview", "audit"],
      onDone: ({ jobId }) => {
        show({ kind: "good", text: texts.bulkStarted });
        onStarted(jobId);
      },
    },
  );
  const isCounted = matching !== undefined && matching > 0;
  const number = formats.number(matching ?? 0);
  const isReady = isCounted && (action === "refresh" || hasTier);
  const confirmation =
    action === "refresh"
      ? texts.confirmRefresh(matching ?? 0, number)
      : hasTier
        ? texts.confirmTier(matching ?? 0, number, tier)
        : texts.changeTier;
  return (
    <ConfirmDialog
      title={action === "refresh" ? texts.refreshTitle : texts.tierTitle}
      isOpen
      onClose={onClose}
      action={confirmation}
      isPending={start.isPending}
      isDisabled={!isReady}
      onConfirm={() => matching !== undefined && start.mutate(matching)}
    >
      <p>{action === "refresh" ? texts.refreshSays : texts.tierSays}</p>
      {action === "tier" && <TierField value={tier} onChange={setTier} tiers={tiers} />}
      <Target selection={selection} filter={filter} searchText={searchText} />
      <div role="status">
        {matching === undefined ? (
          !preview.error && <Loading />
        ) : (
          <p>
            <strong>{matching === 0 ? texts.matchingNone : texts.matching(matching, number)}</strong>
          </p>
        )}
      </div>
      {isCounted && <Preview users={users} matching={matching} tier={hasTier ? tier : undefined} />}
      {preview.error && <Problem error={preview.error} onRetry={() => void preview.refetch()} />}
      {start.error && <Problem error={start.error} />}
      {start.error instanceof ApiProblem && start.error.code === "admin.selection_changed" && isCounted && (
        <p>{texts.changed(formats.number(start.variables ?? 0), number)}</p>
      )}
    </ConfirmDialog>
  );
}

const mostNamed = 5;

/** The first users by name, with what changes for each. */
function Preview({
  users,
  matching,
  tier,
}: {
  users: readonly UserEntry[];
  matching: number;
  tier: string | undefined;
}) {
  const texts = useTexts(usersTexts);
  const formats = useFormats();
  const named = users.slice(0, Math.min(mostNamed, matching));
  const others = matching - named.length;
  if (named.length === 0) return null;
  return (
    <ul className="parts small">
      {named.map(({ clerkId, name, email, tier: present }) => (
        <li key={clerkId}>
          {name ?? email ?? clerkId}
          {tier !== undefined && `: ${present === tier ? texts.hasTier(tier) : `${present} → ${tier}`}`}
        </li>
      ))}
      {others > 0 && <li className="soft">{texts.andMore(formats.number(others))}</li>}
    </ul>
  );
}

function TierField({
  value,
  onChange,
  tiers,
}: {
  value: string;
  onChange: (tier: string) => void;
  tiers: readonly string[];
}) {
  const texts = useTexts(usersTexts);
  return (
    <>
      <Field
        label={texts.newTier}
        hint={texts.newTierHint}
        list="known-tiers"
        value={value}
        onChange={(typed) => onChange(typed.toUpperCase())}
        isInvalid={value !== "" && !tierPattern.test(value)}
        maxLength={32}
        autoComplete="off"
        autoFocus
      />
      <datalist id="known-tiers">
        {tiers.map((tier) => (
          <option key={tier} value={tier} />
        ))}
      </datalist>
    </>
  );
}

function Target({ selection, filter, searchText }: Pick<Props, "selection" | "filter" | "searchText">) {
  const texts = useTexts(usersTexts);
  const describe = useFilterTexts();
  if (selection.kind === "some") return null;
  const parts = [
    ...Object.entries(filter).map(([key, value]) => describe(key, value)),
    ...(searchText === "" ? [] : [texts.searchIs(searchText)]),
  ];
  return (
    <p>
      {texts.filterIs} {parts.length === 0 ? texts.noFilter : parts.join(" · ")}
    </p>
  );
}
