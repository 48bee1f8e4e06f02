import type { BulkView } from "@rollcall/contracts";
import { useFormats } from "../../language/formats.ts";
import { useTexts } from "../../language/language.tsx";
import { type ColumnTexts, columnsTexts } from "./columns-texts.ts";
import { usersTexts } from "./users-texts.ts";

/** The name of a column for people; a column of the app has its own name. */
export function nameColumn(texts: ColumnTexts, key: string): string {
  return Object.hasOwn(texts, key) ? texts[key as keyof ColumnTexts] : key;
}

/** Says which users a bulk change selected. Its search text is stored nowhere. */
export function useSelectedTexts(): (change: Pick<BulkView, "filter" | "searched">) => string {
  const texts = useTexts(usersTexts);
  const describe = useFilterTexts();
  return ({ filter, searched }) => {
    if (filter === null) return texts.bulkNamed;
    const parts = Object.entries(filter).map(([key, value]) => describe(key, value));
    if (searched) parts.push(texts.bulkSearched);
    return parts.length === 0 ? texts.noFilter : parts.join(" · ");
  };
}

/** Says what a filter asks for, such as "Tier: FREE". Works for filters of the address and for those of bulk changes. */
export function useFilterTexts(): (key: string, value: string | number | boolean) => string {
  const texts = useTexts(usersTexts);
  const columns = useTexts(columnsTexts);
  const formats = useFormats();
  const day = (value: string) => formats.date(value.includes("T") ? value : `${value}T00:00:00`);
  return (key, value) => {
    const text = String(value);
    switch (key) {
      case "state":
        return `${texts.state}: ${texts.states[text as keyof typeof texts.states] ?? text}`;
      case "signedUpFrom":
        return `${texts.signedUpFrom} ${day(text)}`;
      case "signedUpTo":
        return `${texts.signedUpTo} ${day(text)}`;
      case "withoutProfile":
        return texts.withoutProfile;
      case "drifted":
        return texts.drifted;
      default:
        return `${nameColumn(columns, key)}: ${text === "true" ? texts.yes : text === "false" ? texts.no : text}`;
    }
  };
}
