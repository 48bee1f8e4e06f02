import type { ReactNode } from "react";
import type { Locale, Text } from "../locale.ts";
import type { RollcallError } from "../rollcall-error.ts";
import type { Key, User } from "../wire.ts";

const defaultTexts = {
  preparing: { "pt-BR": "Preparando seu perfil…", en: "Preparing your profile…" },
  stillPreparing: {
    "pt-BR": "Está demorando mais do que o normal. Tentando de novo…",
    en: "This takes longer than usual. Trying again…",
  },
  failed: { "pt-BR": "Seu perfil não está disponível agora", en: "Your profile is not available now" },
  retry: { "pt-BR": "Tentar de novo", en: "Try again" },
  retrying: { "pt-BR": "Tentando de novo…", en: "Trying again…" },
  support: { "pt-BR": "Falar com o suporte", en: "Contact support" },
  welcome: { "pt-BR": "Boas-vindas!", en: "Welcome!" },
  created: { "pt-BR": "Seu perfil foi criado.", en: "Your profile was created." },
  start: { "pt-BR": "Começar", en: "Get started" },
} as const satisfies Record<string, Text>;

/** The texts of the default slots. */
export type GateTexts = Record<keyof typeof defaultTexts, string>;

/** @param own texts of the app, for which no slot has to be replaced */
export function chooseTexts(locale: Locale, own: Partial<GateTexts> = {}): GateTexts {
  const names = Object.keys(defaultTexts) as (keyof GateTexts)[];
  // The cast states that every name is there.
  return Object.fromEntries(
    names.map((name) => [name, own[name] ?? defaultTexts[name][locale]]),
  ) as GateTexts;
}

/** Has class names for the app's styles, and no styles of its own. */
export function DefaultLoading({ texts, slow }: { texts: GateTexts; slow: boolean }): ReactNode {
  return <p className="rollcall-loading">{slow ? texts.stillPreparing : texts.preparing}</p>;
}

export type ErrorSlotProps = {
  error: RollcallError;
  /** Tries again now. */
  retry: () => void;
  /** A new attempt is in progress. */
  retrying: boolean;
  supportUrl: string | undefined;
  locale: Locale;
};

export function DefaultError({
  error,
  retry,
  retrying,
  supportUrl,
  texts,
}: Omit<ErrorSlotProps, "locale"> & { texts: GateTexts }): ReactNode {
  return (
    <div className="rollcall-error">
      {/* The button is outside, because its text changes and a screen reader repeats an alert after any change. */}
      <div role="alert">
        <h2>{texts.failed}</h2>
        <p>{error.message}</p>
      </div>
      {/* The button is not disabled during an attempt, because a disabled button loses the focus. */}
      <button type="button" onClick={retry} aria-disabled={retrying}>
        {retrying ? texts.retrying : texts.retry}
      </button>{" "}
      {supportUrl && <a href={supportUrl}>{texts.support}</a>}
    </div>
  );
}

export type WelcomeSlotProps<K extends Key = number> = {
  user: User<K>;
  dismiss: () => void;
  locale: Locale;
};

export function DefaultWelcome({ dismiss, texts }: { dismiss: () => void; texts: GateTexts }): ReactNode {
  return (
    <section className="rollcall-welcome" aria-label={texts.welcome}>
      <h2>{texts.welcome}</h2>
      <p>{texts.created}</p>
      <button type="button" onClick={dismiss}>
        {texts.start}
      </button>
    </section>
  );
}
