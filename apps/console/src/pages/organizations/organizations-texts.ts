import { defineTexts } from "../../language/language.tsx";

/** `n` decides between one and several; `text` is the number as the language writes it. */
export const organizationsTexts = defineTexts({
  en: {
    title: "Organizations",
    search: "Search",
    searchHint: "Clerk id, name or slug",
    organization: "Organization",
    noName: "No name",
    slug: "Slug",
    state: "State",
    states: { live: "Live", unread: "Not compared yet", held: "Deletion held", deleted: "Deleted" },
    members: "Members",
    moreThan: (text: string) => `over ${text}`,
    created: "Created",
    shown: (_n: number, text: string) => `${text} shown`,
    thatsAll: (n: number, text: string) =>
      n === 1 ? "1 organization" : `${text} organizations, all of them`,
    searching: "Searching on …",
    stopSearch: "Stop",
    isOld: "Organizations changed since.",
    reload: "Reload",
    more: "Show more",
    empty: "No organization matches.",
    emptyHint:
      "Check the spelling. This list holds only organizations with a row here: for one that Clerk has and Rollcall lacks, copy the Clerk id (org_…) from Clerk and search for it.",
    emptyId: "No row has this Clerk id. Rollcall can still say why:",
    openById: (id: string) => `Open ${id}`,
    emptyAll:
      "There are no organizations yet. They appear when Clerk reports them, or after a full sync. Clerk’s endpoint must send organization and organizationMembership events.",
  },
  "pt-BR": {
    title: "Organizações",
    search: "Buscar",
    searchHint: "Id do Clerk, nome ou slug",
    organization: "Organização",
    noName: "Sem nome",
    slug: "Slug",
    state: "Estado",
    states: {
      live: "Ativa",
      unread: "Ainda não comparada",
      held: "Exclusão retida",
      deleted: "Excluída",
    },
    members: "Membros",
    moreThan: (text) => `mais de ${text}`,
    created: "Criada",
    shown: (_n, text) => `${text} exibidas`,
    thatsAll: (n, text) => (n === 1 ? "1 organização" : `${text} organizações, todas`),
    searching: "Buscando mais …",
    stopSearch: "Parar",
    isOld: "As organizações mudaram desde então.",
    reload: "Recarregar",
    more: "Mostrar mais",
    empty: "Nenhuma organização corresponde.",
    emptyHint:
      "Confira a grafia. Esta lista só tem organizações com linha aqui: para uma que o Clerk tem e o Rollcall não, copie o id do Clerk (org_…) e busque por ele.",
    emptyId: "Nenhuma linha tem este id do Clerk. Mesmo assim, o Rollcall pode dizer por quê:",
    openById: (id) => `Abrir ${id}`,
    emptyAll:
      "Ainda não há organizações. Elas aparecem quando o Clerk as informa, ou depois de uma sincronização completa. O endpoint do Clerk deve enviar eventos organization e organizationMembership.",
  },
});
