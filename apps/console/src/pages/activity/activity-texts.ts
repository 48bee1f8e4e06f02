import { defineTexts } from "../../language/language.tsx";

export const activityTexts = defineTexts({
  en: {
    title: "Activity",
    kind: "What happened",
    cause: "Cause",
    all: "All",
    at: "When",
    user: "User",
    details: "Details",
    empty: "No event matches. Events stay in the timeline for some months.",
    scanned: "The newest events hold none of this kind. Older ones may.",
    waiting: (count: string) => `Show ${count} new`,
    clerkId: "Clerk id",
    badId: "A Clerk id looks like user_2x…",
  },
  "pt-BR": {
    title: "Atividade",
    kind: "O que houve",
    cause: "Causa",
    all: "Todas",
    at: "Quando",
    user: "Usuário",
    details: "Detalhes",
    empty: "Nenhum evento corresponde. Os eventos ficam na linha do tempo por alguns meses.",
    scanned: "Os eventos mais novos não têm nenhum deste tipo. Os antigos podem ter.",
    waiting: (count) => `Mostrar ${count} novos`,
    clerkId: "Id do Clerk",
    badId: "Um id do Clerk é como user_2x…",
  },
});
