import {
  createContext,
  type ReactNode,
  useContext,
  useLayoutEffect,
  useState,
  useSyncExternalStore,
} from "react";

export const themes = ["system", "light", "dark"] as const;

export type Theme = (typeof themes)[number];

type Choice = { theme: Theme; shown: "light" | "dark"; choose: (theme: Theme) => void };

const context = createContext<Choice | undefined>(undefined);
const storageKey = "rollcall.theme";
const darkScheme = window.matchMedia("(prefers-color-scheme: dark)");

/** Light or dark: what the operator chose, else what the system says, also when that changes. */
export function ThemeProvider({ children }: { children: ReactNode }) {
  const [theme, setTheme] = useState(readTheme);
  const isDark = useSyncExternalStore(
    (listener) => {
      darkScheme.addEventListener("change", listener);
      return () => darkScheme.removeEventListener("change", listener);
    },
    () => darkScheme.matches,
  );
  const shown = theme === "system" ? (isDark ? "dark" : "light") : theme;
  useLayoutEffect(() => {
    document.documentElement.dataset["theme"] = shown;
  }, [shown]);
  const choose = (chosen: Theme) => {
    localStorage.setItem(storageKey, chosen);
    setTheme(chosen);
  };
  return <context.Provider value={{ theme, shown, choose }}>{children}</context.Provider>;
}

function readTheme(): Theme {
  const chosen = localStorage.getItem(storageKey);
  return themes.find((theme) => theme === chosen) ?? "system";
}

export function useTheme(): Choice {
  const choice = useContext(context);
  if (!choice) throw new Error("useTheme needs a ThemeProvider");
  return choice;
}
