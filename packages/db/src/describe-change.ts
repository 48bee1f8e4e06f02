import type { Hint } from "@rollcall/contracts";

/**
 * Tells an operator what another one did in between.
 *
 * @param done the action that the timeline knows; undefined if Rollcall did not do it, so that the app must have
 * @param now the state that it left
 */
export function describeChange(
  done: { by: string | null; at: Date } | undefined,
  now: Readonly<Record<"pt-BR" | "en", string>>,
): Hint {
  if (!done?.by)
    return {
      "pt-BR": `alterado fora do Rollcall; ${now["pt-BR"]}`,
      en: `changed outside Rollcall; ${now.en}`,
    };
  const at = `${done.at.toISOString().slice(0, 16).replace("T", " ")} UTC`;
  return { "pt-BR": `por ${done.by} em ${at}; ${now["pt-BR"]}`, en: `by ${done.by} at ${at}; ${now.en}` };
}
