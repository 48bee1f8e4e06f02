import type { SimulatedUser } from "@rollcall/client/simulator";
import type { ReactNode } from "react";
import { useLanguage } from "./language/language.tsx";
import { LanguageSwitch } from "./language/language-switch.tsx";

type Props = { person: SimulatedUser | null; onSignOut: () => void };

export function TopBar({ person, onSignOut }: Props): ReactNode {
  const { text } = useLanguage();
  return (
    <header className="top">
      <p className="brand">
        <svg viewBox="0 0 24 24" aria-hidden="true">
          <rect width="24" height="24" rx="6" />
          <path d="M6 16v-5M12 16V7M18 16v-3" />
        </svg>
        {text("appName")}
      </p>
      <LanguageSwitch />
      {person && (
        <div className="account">
          <span className="avatar" aria-hidden="true">
            {initialsOf(person.name)}
          </span>
          <span className="account-name">{person.name}</span>
          <button type="button" onClick={onSignOut}>
            {text("signOut")}
          </button>
        </div>
      )}
    </header>
  );
}

function initialsOf(name: string): string {
  const words = name.split(/\s+/).filter(Boolean);
  return [words[0], words.length > 1 ? words.at(-1) : undefined].map((word) => word?.[0] ?? "").join("");
}
