import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from "react";
import { type Language, type TextKey, texts } from "./texts.ts";

type LanguageContext = {
  language: Language;
  choose: (language: Language) => void;
  text: (key: TextKey, values?: Readonly<Record<string, string | number>>) => string;
};

const Context = createContext<LanguageContext | null>(null);
const storageKey = "language";

export function LanguageProvider({ children }: { children: ReactNode }): ReactNode {
  const [language, setLanguage] = useState(decideFirst);
  useEffect(() => {
    document.documentElement.lang = language;
    document.title = texts.appName[language];
  }, [language]);
  const context = useMemo<LanguageContext>(
    () => ({
      language,
      choose(chosen) {
        localStorage.setItem(storageKey, chosen);
        setLanguage(chosen);
      },
      text: (key, values = {}) =>
        texts[key][language].replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? "")),
    }),
    [language],
  );
  return <Context value={context}>{children}</Context>;
}

/** @throws Error outside of the provider */
export function useLanguage(): LanguageContext {
  const context = useContext(Context);
  if (!context) throw new Error("Put <LanguageProvider> above this component");
  return context;
}

/** The language chosen before, else the browser's language, else Portuguese. */
function decideFirst(): Language {
  const chosen = localStorage.getItem(storageKey);
  if (chosen === "pt-BR" || chosen === "en") return chosen;
  const wanted = navigator.languages.find((name) => /^(pt|en)/.test(name));
  return wanted?.startsWith("en") ? "en" : "pt-BR";
}
