import { useFormats } from "../../language/formats.ts";
import { useTexts } from "../../language/language.tsx";
import { type ColumnTexts, columnsTexts } from "./columns-texts.ts";
import { usersTexts } from "./users-texts.ts";

/** The name of a column for people; a column of the app has its own name. */
export function nameColumn(texts: ColumnTexts, key: string): string {
  return Object.hasOwn(texts, key) ? texts[key as keyof ColumnTexts] : key;
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
