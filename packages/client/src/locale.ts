/** The languages in which Rollcall speaks to people. */
export type Locale = "pt-BR" | "en";

/** A sentence in each of them. */
export type Text = Readonly<Record<Locale, string>>;
