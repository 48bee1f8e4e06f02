import { createContext, type ReactNode, useContext, useLayoutEffect, useState } from "react";

export const languages = ["en", "pt-BR"] as const;

export type Language = (typeof languages)[number];

type Choice = { language: Language; choose: (language: Language) => void };

const context = createContext<Choice | undefined>(undefined);

const storageKey = "rollcall.language";

/** The language of the whole console: the one that the operator chose, else the first of the browser's that we have. */
export function LanguageProvider({ children }: { children: ReactNode }) {
  const [language, setLanguage] = useState(readLanguage);
  useLayoutEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  const choose = (chosen: Language) => {
    localStorage.setItem(storageKey, chosen);
    setLanguage(chosen);
  };
  return <context.Provider value={{ language, choose }}>{children}</context.Provider>;
}

function readLanguage(): Language {
  const chosen = localStorage.getItem(storageKey);
  if (isLanguage(chosen)) return chosen;
  for (const wish of navigator.languages) {
    const primary = wish.split("-")[0]?.toLowerCase();
    if (primary === "pt") return "pt-BR";
    if (primary === "en") return "en";
  }
  return "en";
}

function isLanguage(text: string | null): text is Language {
  return languages.some((language) => language === text);
}

export function useLanguage(): Choice {
  const choice = useContext(context);
  if (!choice) throw new Error("useLanguage needs a LanguageProvider");
  return choice;
}

/** The texts of one page in each language. The English ones decide which texts there are. */
export type Texts<English> = {
  en: English;
  "pt-BR": { [Name in keyof English]: Translation<English[Name]> };
};

type Translation<Text> = Text extends string
  ? string
  : Text extends (...values: infer Values) => string
    ? (...values: Values) => string
    : { [Name in keyof Text]: Translation<Text[Name]> };

/** Declares the texts of a page: a sentence that names a number or a name is a function of it. */
export function defineTexts<English>(texts: Texts<English>): Texts<English> {
  return texts;
}

/** The texts in the present language. */
export function useTexts<English>(texts: Texts<English>): English {
  const { language } = useLanguage();
  // A translation has the English texts' names and forms; only the literal types differ.
  return texts[language] as English;
}
