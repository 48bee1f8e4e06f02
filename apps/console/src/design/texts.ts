import { defineTexts } from "../language/language.tsx";

/** Texts that several pages and components share. */
export const commonTexts = defineTexts({
  en: {
    messages: "Results",
    close: "Close",
    cancel: "Cancel",
    loading: "Loading…",
    more: "Show more",
    retry: "Try again",
    none: "None",
    noValue: "–",
    yes: "yes",
    no: "no",
    selectAll: "Select all shown",
    selectRow: (name: string) => `Select ${name}`,
    noAnswer:
      "Rollcall does not answer. Check your connection, and whether the api runs. This page tries again by itself.",
    noAnswerToWrite:
      "Rollcall did not answer, so it is not known whether this was done. Look at the result before you repeat it.",
    unauthenticated: "Your session has ended. Log in to go on.",
    unavailable: "A service that Rollcall needs is down. This page tries again by itself.",
    unavailableToWrite: "A service that Rollcall needs is down. Try again in a moment.",
    forbidden: "Your role may not do this. An admin can do it, or give you another role in ADMIN_OPERATORS.",
    failed: (code: string) => `It failed (${code}). The runbook has a section for this code.`,
    reference: (id: string) => `Request ${id}`,
    olderShown: "Shown is the last answer.",
  },
  "pt-BR": {
    messages: "Resultados",
    close: "Fechar",
    cancel: "Cancelar",
    loading: "Carregando…",
    more: "Mostrar mais",
    retry: "Tentar de novo",
    none: "Nenhum",
    noValue: "–",
    yes: "sim",
    no: "não",
    selectAll: "Selecionar todos os exibidos",
    selectRow: (name) => `Selecionar ${name}`,
    noAnswer:
      "O Rollcall não responde. Verifique sua conexão e se a api está no ar. Esta página tenta de novo sozinha.",
    noAnswerToWrite:
      "O Rollcall não respondeu, então não se sabe se isso foi feito. Veja o resultado antes de repetir.",
    unauthenticated: "Sua sessão terminou. Entre para continuar.",
    unavailable: "Um serviço de que o Rollcall precisa está fora do ar. Esta página tenta de novo sozinha.",
    unavailableToWrite: "Um serviço de que o Rollcall precisa está fora do ar. Tente de novo em instantes.",
    forbidden:
      "Seu papel não permite isso. Um admin pode fazê-lo, ou dar a você outro papel em ADMIN_OPERATORS.",
    failed: (code) => `Falhou (${code}). O runbook tem uma seção para este código.`,
    reference: (id) => `Requisição ${id}`,
    olderShown: "A última resposta continua na página.",
  },
});
