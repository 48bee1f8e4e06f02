import type { OrganizationExplanation } from "@rollcall/contracts";
import { defineTexts } from "../../language/language.tsx";

type Sentences = Record<
  OrganizationExplanation["code"],
  (facts: { errorCode: string; deletedAt: string }) => string
>;

export const organizationTexts = defineTexts({
  en: {
    /** In the tab's title, which holds no name. */
    title: "Organization",
    organization: "Organization",
    back: "All organizations",
    noName: "No name",
    notFound: "Neither Clerk nor Rollcall knows this id.",
    notFoundHint:
      "Check that the id is complete, and that CLERK_SECRET_KEY belongs to the Clerk instance of this organization.",
    /** Why the organization is in this state, and what changes it. */
    sentences: {
      held: () =>
        "Clerk no longer has this organization, and the deletion is held, because there are too many in one day. An admin must confirm it.",
      deleted: ({ deletedAt }) =>
        `Deleted on ${deletedAt}, and its memberships ended. This is final: Clerk never reuses the id.`,
      in_place: () => "In place: the organization has a row.",
      members_differ: () =>
        "In place, but Clerk counts other members. Their jobs may be on the way, and the next full sync compares them.",
      absent_at_clerk: () =>
        "The row is live, but Clerk has no such organization. “Fetch from Clerk” asks again, and deletes it.",
      unread: () =>
        "The app’s row was never compared with Clerk. “Fetch from Clerk” does it now; so does the next full sync.",
      retried: ({ errorCode }) => `A job failed with ${errorCode} and is tried again.`,
      on_its_way: () => "On its way: a job is waiting or running.",
      dead_letter: ({ errorCode }) =>
        `A job failed for good with ${errorCode}. Remove the cause, then replay the dead letter.`,
      absent: () => "Clerk has no such organization.",
      clerk_unknown: () => "No job is waiting or running, and Clerk did not answer. Reload to ask again.",
      not_arrived: () =>
        "Clerk has the organization, but no webhook has arrived here. “Fetch from Clerk” makes the row now; so does the next full sync.",
    } as Sentences,
    toDeadLetters: "What this code means, and the dead letter",
    toRuns: "Go to the held deletions",

    compare: "Clerk and row",
    field: "Field",
    atClerk: "At Clerk",
    here: "Here",
    name: "Name",
    slug: "Slug",
    members: "Members",
    created: "Created",
    updated: "Changed",
    differs: "differs",
    moreThan: (text: string) => `more than ${text}`,
    clerkUnknown: "Clerk did not answer, so nothing is compared. Reload to ask again.",
    clerkNotConfigured: "CLERK_SECRET_KEY is not set in the api, so Clerk is not asked.",
    clerkAbsent: "Clerk has no such organization.",
    noRow: "There is no row.",

    member: "Member",
    role: "Role",
    since: "Since",
    state: "State",
    inPlace: "In place",
    endHeld: "End held",
    rowMissing: "Row missing",
    noMembers: "No members.",
    searchingMembers: "No member so far. Former members are passed over.",
  },
  "pt-BR": {
    title: "Organização",
    organization: "Organização",
    back: "Todas as organizações",
    noName: "Sem nome",
    notFound: "Nem o Clerk nem o Rollcall conhecem este id.",
    notFoundHint:
      "Confira se o id está completo e se CLERK_SECRET_KEY é da instância do Clerk desta organização.",
    sentences: {
      held: () =>
        "O Clerk não tem mais esta organização, e a exclusão está retida, porque são muitas em um dia. Um admin deve confirmá-la.",
      deleted: ({ deletedAt }) =>
        `Excluída em ${deletedAt}, e suas participações terminaram. Isto é definitivo: o Clerk nunca reutiliza o id.`,
      in_place: () => "Em ordem: a organização tem linha.",
      members_differ: () =>
        "Em ordem, mas o Clerk conta outros membros. Os jobs deles podem estar a caminho, e a próxima sincronização completa os compara.",
      absent_at_clerk: () =>
        "A linha está ativa, mas o Clerk não tem esta organização. “Atualizar do Clerk” pergunta de novo e a exclui.",
      unread: () =>
        "A linha do aplicativo nunca foi comparada com o Clerk. “Atualizar do Clerk” faz isso agora; a próxima sincronização completa também.",
      retried: ({ errorCode }) => `Um job falhou com ${errorCode} e será tentado de novo.`,
      on_its_way: () => "A caminho: um job aguarda ou está em andamento.",
      dead_letter: ({ errorCode }) =>
        `Um job falhou de vez com ${errorCode}. Remova a causa e depois repita a dead letter.`,
      absent: () => "O Clerk não tem esta organização.",
      clerk_unknown: () =>
        "Nenhum job aguarda ou está em andamento, e o Clerk não respondeu. Recarregue para perguntar de novo.",
      not_arrived: () =>
        "O Clerk tem a organização, mas nenhum webhook chegou aqui. “Atualizar do Clerk” cria a linha agora; a próxima sincronização completa também.",
    },
    toDeadLetters: "O que este código significa, e a dead letter",
    toRuns: "Ir para as exclusões retidas",

    compare: "Clerk e linha",
    field: "Campo",
    atClerk: "No Clerk",
    here: "Aqui",
    name: "Nome",
    slug: "Slug",
    members: "Membros",
    created: "Criada",
    updated: "Alterada",
    differs: "difere",
    moreThan: (text) => `mais de ${text}`,
    clerkUnknown: "O Clerk não respondeu, então nada é comparado. Recarregue para perguntar de novo.",
    clerkNotConfigured: "CLERK_SECRET_KEY não está definida na api, então o Clerk não é consultado.",
    clerkAbsent: "O Clerk não tem esta organização.",
    noRow: "Não há linha.",

    member: "Membro",
    role: "Papel",
    since: "Desde",
    state: "Estado",
    inPlace: "Em ordem",
    endHeld: "Remoção retida",
    rowMissing: "Falta a linha",
    noMembers: "Nenhum membro.",
    searchingMembers: "Nenhum membro até agora. Ex-membros são pulados.",
  },
});
