import type { Explanation } from "@rollcall/contracts";
import { defineTexts } from "../../language/language.tsx";

type Sentences = Record<Explanation["code"], (facts: { errorCode: string; deletedAt: string }) => string>;

/** Why a user is in this state, and what changes it. */
export const explanationTexts = defineTexts({
  en: {
    missing: {
      row: "This person has no row here.",
      profile: "The row is there, and the profile is missing.",
    },
    sentences: {
      held: () =>
        "Clerk no longer has this user, and the deletion is held, because there are too many in one day. An admin must confirm it.",
      deleted: ({ deletedAt }) =>
        `Deleted on ${deletedAt}. This is final: if the same person signs up again, that is a new id.`,
      banned: () => "Banned at Clerk, so logins are refused and no profile is made. Unban the user at Clerk.",
      in_place: () => "In place: the user has a row and a profile.",
      in_place_admin: () => "In place: an admin has a row and needs no profile.",
      in_place_without_profile: () =>
        "In place without a profile, because automatic creation is off (ENABLE_AUTO_CREATE).",
      retried: ({ errorCode }) => `A job failed with ${errorCode} and is tried again.`,
      on_its_way: () => "On its way: a job is waiting or running.",
      dead_letter: ({ errorCode }) =>
        `A job failed for good with ${errorCode}. Remove the cause, then replay the dead letter. The next login also tries again.`,
      absent: () => "Clerk has no such user.",
      clerk_unknown: () => "No job is waiting or running, and Clerk did not answer. Reload to ask again.",
      not_arrived: () =>
        "Clerk has the user, but neither a webhook nor a login has arrived here. “Fetch from Clerk” brings the user up to date now; so does the next login or sync.",
    } as Sentences,
    /** The sentences that speak of a profile, for an app without profiles. */
    withoutProfiles: {
      banned: "Banned at Clerk, so logins are refused. Unban the user at Clerk.",
      in_place_admin: "In place: the user has a row.",
      in_place_without_profile: "In place: the user has a row.",
    } as Partial<Record<Explanation["code"], string>>,
    toDeadLetters: "What this code means, and the dead letter",
    toRuns: "Go to the held deletions",
    conflict: "A conflict waits for a decision: other profiles may belong to this user.",
    toConflict: (id: string) => `Decide conflict ${id}`,
  },
  "pt-BR": {
    missing: { row: "Esta pessoa não tem linha aqui.", profile: "A linha existe, e falta o perfil." },
    sentences: {
      held: () =>
        "O Clerk não tem mais este usuário, e a exclusão está retida, porque são muitas em um dia. Um admin deve confirmá-la.",
      deleted: ({ deletedAt }) =>
        `Excluído em ${deletedAt}. Isto é definitivo: se a mesma pessoa se cadastrar de novo, será um novo id.`,
      banned: () =>
        "Bloqueado no Clerk; por isso logins são recusados e nenhum perfil é criado. Desbloqueie o usuário no Clerk.",
      in_place: () => "Em ordem: o usuário tem linha e perfil.",
      in_place_admin: () => "Em ordem: um admin tem linha e dispensa perfil.",
      in_place_without_profile: () =>
        "Em ordem, sem perfil, porque a criação automática está desligada (ENABLE_AUTO_CREATE).",
      retried: ({ errorCode }) => `Um job falhou com ${errorCode} e será tentado de novo.`,
      on_its_way: () => "A caminho: um job aguarda ou está em andamento.",
      dead_letter: ({ errorCode }) =>
        `Um job falhou de vez com ${errorCode}. Remova a causa e depois repita a dead letter. O próximo login também tenta de novo.`,
      absent: () => "O Clerk não tem este usuário.",
      clerk_unknown: () =>
        "Nenhum job aguarda ou está em andamento, e o Clerk não respondeu. Recarregue para perguntar de novo.",
      not_arrived: () =>
        "O Clerk tem o usuário, mas nem um webhook nem um login chegou aqui. “Atualizar do Clerk” o coloca em dia agora; o próximo login ou a próxima sincronização também.",
    },
    withoutProfiles: {
      banned: "Bloqueado no Clerk; por isso logins são recusados. Desbloqueie o usuário no Clerk.",
      in_place_admin: "Em ordem: o usuário tem linha.",
      in_place_without_profile: "Em ordem: o usuário tem linha.",
    },
    toDeadLetters: "O que este código significa, e a dead letter",
    toRuns: "Ir para as exclusões retidas",
    conflict: "Um conflito espera uma decisão: outros perfis podem ser deste usuário.",
    toConflict: (id) => `Decidir o conflito ${id}`,
  },
});
