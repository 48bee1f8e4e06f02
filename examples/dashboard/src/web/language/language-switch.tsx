import type { ReactNode } from "react";
import { useLanguage } from "./language.tsx";

const names = {
  "pt-BR": { short: "PT", full: "Português" },
  en: { short: "EN", full: "English" },
} as const;

export function LanguageSwitch(): ReactNode {
  const { language, choose, text } = useLanguage();
  return (
    <fieldset className="languages">
      <legend className="unseen">{text("language")}</legend>
      {(["pt-BR", "en"] as const).map((name) => (
        <button
          key={name}
          type="button"
          lang={name}
          aria-label={`${names[name].short}: ${names[name].full}`}
          aria-pressed={name === language}
          onClick={() => choose(name)}
        >
          {names[name].short}
        </button>
      ))}
    </fieldset>
  );
}
