import type { WelcomeSlotProps } from "@rollcall/client/react";
import type { ReactNode } from "react";
import { useLanguage } from "../language/language.tsx";

/** The greeting above the first dashboard of a new mentee. */
export function Welcome({ user, dismiss }: Pick<WelcomeSlotProps, "user" | "dismiss">): ReactNode {
  const { text } = useLanguage();
  const name = user.name?.split(" ")[0] ?? "";
  return (
    <section className="panel welcome" aria-label={text("welcomeTitle", { name })}>
      <div>
        <h2>{text("welcomeTitle", { name })}</h2>
        <p>{text("welcomeText")}</p>
      </div>
      <button type="button" className="primary" onClick={dismiss}>
        {text("start")}
      </button>
    </section>
  );
}
