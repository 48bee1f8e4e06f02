import type { Text } from "../locale.ts";

/** What the default slots of the gate say. */
export const texts = {
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
