/** The languages of messages for people. */
export type Locale = "pt-BR" | "en";

/** A sentence in each language. */
export type Text = Readonly<Record<Locale, string>>;
