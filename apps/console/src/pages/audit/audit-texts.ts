import { defineTexts } from "../../language/language.tsx";

export const auditTexts = defineTexts({
  en: {
    title: "Audit",
    lead: "Every change by an operator, newest first.",
    by: "Operator",
    allOperators: "All operators",
    kind: "Action",
    at: "When",
    user: "User",
    details: "Details",
    empty: "No operator has changed anything yet.",
  },
  "pt-BR": {
    title: "Auditoria",
    lead: "Toda mudança feita por um operador, da mais nova à mais antiga.",
    by: "Operador",
    allOperators: "Todos os operadores",
    kind: "Ação",
    at: "Quando",
    user: "Usuário",
    details: "Detalhes",
    empty: "Nenhum operador mudou nada ainda.",
  },
});
