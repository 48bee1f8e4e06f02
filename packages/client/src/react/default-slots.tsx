import type { ReactNode } from "react";
import type { Locale } from "../locale.ts";
import type { RollcallError } from "../rollcall-error.ts";
import type { User } from "../wire.ts";
import { texts } from "./texts.ts";

/** Without styles of its own, beyond class names for the app's. */
export function DefaultLoading({ locale, slow }: { locale: Locale; slow: boolean }): ReactNode {
  return <p className="rollcall-loading">{texts[slow ? "stillPreparing" : "preparing"][locale]}</p>;
}

export type ErrorSlotProps = {
  error: RollcallError;
  /** Tries again now. */
  retry: () => void;
  /** It is being tried again. */
  retrying: boolean;
  supportUrl: string | undefined;
  locale: Locale;
};

export function DefaultError({ error, retry, retrying, supportUrl, locale }: ErrorSlotProps): ReactNode {
  return (
    <div className="rollcall-error">
      {/* Without the button, whose words change with each try: a screen reader says an alert anew when any of it does. */}
      <div role="alert">
        <h2>{texts.failed[locale]}</h2>
        <p>{error.message}</p>
      </div>
      {/* Not disabled while it tries: a disabled button loses the focus of whoever pressed it. */}
      <button type="button" onClick={retry} aria-disabled={retrying}>
        {texts[retrying ? "retrying" : "retry"][locale]}
      </button>{" "}
      {supportUrl && <a href={supportUrl}>{texts.support[locale]}</a>}
    </div>
  );
}

export type WelcomeSlotProps = { user: User; dismiss: () => void; locale: Locale };

export function DefaultWelcome({ dismiss, locale }: WelcomeSlotProps): ReactNode {
  return (
    <section className="rollcall-welcome" aria-label={texts.welcome[locale]}>
      <h2>{texts.welcome[locale]}</h2>
      <p>{texts.created[locale]}</p>
      <button type="button" onClick={dismiss}>
        {texts.start[locale]}
      </button>
    </section>
  );
}
