import { useMay } from "../../api/session.tsx";
import { Button } from "../../design/button.tsx";
import { useFormats } from "../../language/formats.ts";
import { useTexts } from "../../language/language.tsx";
import type { UserSelection } from "./selection.ts";
import { useSelectedCount } from "./use-selected-count.ts";
import type { FilterValues } from "./user-filter.ts";
import { usersTexts } from "./users-texts.ts";

type Props = {
  selection: UserSelection;
  filter: FilterValues;
  searchText: string;
  onSelectAll: () => void;
  onClear: () => void;
  onAct: (action: "refresh" | "tier") => void;
};

/** What can be done with the selected users. */
export function SelectionBar({ selection, filter, searchText, onSelectAll, onClear, onAct }: Props) {
  const texts = useTexts(usersTexts);
  const formats = useFormats();
  const mayChangeTiers = useMay("admin");
  const isAll = selection.kind === "all";
  const matching = useSelectedCount(selection, filter, searchText, { enabled: isAll });
  const count = isAll ? 0 : selection.clerkIds.size;
  if (!isAll && count === 0) return null;
  const all = matching.data?.matching;
  const says = !isAll
    ? texts.selected(count, formats.number(count))
    : all === undefined
      ? texts.counting
      : texts.allSelected(all, formats.number(all));
  return (
    <section className="panel row apart selection-bar" aria-label={texts.selection}>
      <p role="status">
        {says} {isAll && <span className="soft">{texts.deletedStays}</span>}
      </p>
      <div className="row">
        {!isAll && <Button onPress={onSelectAll}>{texts.selectAllMatching}</Button>}
        <Button look="primary" onPress={() => onAct("refresh")}>
          {texts.refresh}
        </Button>
        {mayChangeTiers && (
          <Button look="primary" onPress={() => onAct("tier")}>
            {texts.changeTier}
          </Button>
        )}
        <Button look="link" onPress={onClear}>
          {texts.unselect}
        </Button>
      </div>
    </section>
  );
}
