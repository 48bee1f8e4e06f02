import { defineTexts } from "../../language/language.tsx";

export const runsTexts = defineTexts({
  en: {
    title: "Runs",
    says: "A full sync compares every user with Clerk, deletions included. An incremental sync reads Clerk’s latest changes.",
    schedules: "Schedules",
    mode: "Kind",
    modes: { full: "Full sync", "catch-up": "Incremental sync" },
    schedule: "Schedule",
    cron: (pattern: string) => `${pattern} (UTC)`,
    every: (interval: string) => `every ${interval}`,
    noSchedule: "Not set yet: a worker adds it within seconds",
    lastRun: "Last run",
    next: "Next",
    never: "None yet",

    start: "Start a run",
    startTitle: "Start a run",
    what: "What to do",
    choices: {
      full: "Full sync: compares every user and writes what differs. Missing users are deleted after Clerk confirms each.",
      "catch-up": "Incremental sync: reads the changes since the last one.",
      dry: "Dry run of a full sync: shows what it would do, and writes nothing.",
    },
    startAction: {
      full: "Start the full sync",
      "catch-up": "Start the incremental sync",
      dry: "Start the dry run",
    },
    startNote: "If such a run is under way already, you are led to it.",

    list: "Runs",
    shown: "Show",
    showFull: "Full syncs",
    showCatchUp: "Incremental syncs",
    showAll: "All",
    empty: "No run yet.",
    run: "Run",
    runName: (id: string) => `Run ${id}`,
    dryRun: "Dry run",
    state: "State",
    states: {
      waiting: "Waiting",
      running: "Running",
      succeeded: "Succeeded",
      held: "Deletions held",
      failed: "Failed",
      cancelled: "Cancelled",
    },
    cancelling: "Cancelling",
    deleting: "Deleting",
    superseded: "Superseded",
    startedBy: "Started by",
    starters: {
      schedule: "schedule",
      "first-boot": "first start",
      "catch-up": "difference found",
      retry: "retry after a failure",
      "emptied-queue": "emptied queue",
    } as Readonly<Record<string, string>>,
    starterFound: "an incremental sync that found a difference",
    requested: "Requested",
    started: "Started",
    finished: "Finished",
    result: "Result",

    back: "All runs",
    progress: "Progress",
    compared: (seen: string, total: string) => `${seen} of ${total} users at Clerk compared`,
    comparedOpen: (seen: string) => `${seen} users at Clerk compared`,
    onlyHere: (n: number, text: string) =>
      n === 1 ? "1 more user was missing at Clerk" : `${text} more users were missing at Clerk`,
    pages: "Pages read",
    heartbeat: "Last sign of the worker",
    counts: "What it did",
    countsDry: "What it would do",
    count: {
      created: "Created",
      linked: "Linked to a profile",
      updated: "Updated",
      unchanged: "Unchanged",
      deleted: "Deleted",
      held: "Deletion held",
      failed: "Refused",
    },
    wouldHold: "Would be held",
    missed: "Changes that a webhook should have reported",
    why: "Why",
    cancel: "Cancel the run",
    cancelTitle: "Cancel the run?",
    cancelSays: "The worker stops within seconds. What it wrote stays; it deletes no user.",
    keepGoing: "Let it run",
    cancelled: "The run is being cancelled.",

    differences: "Users that would change",
    noDifferences: "No user would change.",
    incomplete:
      "These are not all: only so many are kept, and only for the newest dry runs. Start another dry run for a full list.",
    kind: "Would be",
    kinds: {
      created: "created",
      linked: "linked to a profile",
      updated: "updated",
      deleted: "deleted",
      held: "held for confirmation",
      failed: "refused",
    },
    user: "User",
    code: "Code",
    showDrifted: "Show them in the list of users",

    held: "Held deletions",
    heldSays: (n: number, text: string) =>
      n === 1
        ? "1 user is missing at Clerk. That is more than usual in one day, so an admin must confirm the deletion."
        : `${text} users are missing at Clerk. Those are more than usual in one day, so an admin must confirm their deletion.`,
    wouldHoldSays: (n: number, text: string) =>
      n === 1
        ? "A real run would hold 1 deletion for an admin to confirm."
        : `A real run would hold ${text} deletions for an admin to confirm.`,
    heldWas: (n: number, text: string) => (n === 1 ? "1 deletion was held" : `${text} deletions were held`),
    heldConfirmed: (was: string, by: string, at: string | null) =>
      at === null ? `${was}; ${by} confirmed them.` : `${was}; ${by} confirmed them on ${at}.`,
    heldSuperseded: (was: string) =>
      `${was}. A later full sync compared every user again, so nothing is left to confirm here.`,
    heldRefused: (n: number, text: string) =>
      n === 1
        ? "1 deletion was refused by Postgres. The next full sync tries it again."
        : `${text} deletions were refused by Postgres. The next full sync tries them again.`,
    heldDone: (done: string, total: string) => `${done} of ${total} done`,
    heldLate: "The worker has not carried it out within five minutes. It can be confirmed again.",
    heldWhy:
      "A wrong CLERK_SECRET_KEY has the same effect. Look for a few of them in Clerk’s dashboard first. If they exist there, correct the key: the next run releases them.",
    heldNone: "No deletion is held by this run any more.",
    name: "Name",
    email: "Email",
    heldSince: "Held since",
    confirm: (n: number, text: string) => (n === 1 ? "Confirm 1 deletion" : `Confirm ${text} deletions`),
    confirmTitle: "Delete these users?",
    confirmSays:
      "Rollcall asks Clerk for each user again, and deletes those that are gone: email, name and image are erased.",
    profileStays: "The profile stays as a profile without a user, for the app’s own records.",
    cannotUndo: "This cannot be undone.",
    confirmNames: (names: string, n: number, rest: string) =>
      n === 0 ? names : `${names}, and ${rest} more`,
    confirmed: "The deletions are confirmed. A worker carries them out.",
    confirmedBy: (name: string) => `Confirmed by ${name}. A worker carries it out.`,
    adminNote: "Confirming needs the role admin.",
    noName: "No name",
  },
  "pt-BR": {
    title: "Execuções",
    says: "Uma sincronização completa compara todos os usuários com o Clerk, exclusões inclusive. Uma incremental lê as últimas mudanças no Clerk.",
    schedules: "Agendas",
    mode: "Tipo",
    modes: { full: "Sincronização completa", "catch-up": "Sincronização incremental" },
    schedule: "Agenda",
    cron: (pattern) => `${pattern} (UTC)`,
    every: (interval) => `a cada ${interval}`,
    noSchedule: "Ainda não definida: um worker a adiciona em segundos",
    lastRun: "Última execução",
    next: "Próxima",
    never: "Nenhuma ainda",

    start: "Iniciar execução",
    startTitle: "Iniciar uma execução",
    what: "O que fazer",
    choices: {
      full: "Sincronização completa: compara todos os usuários e grava o que difere. Usuários ausentes são excluídos depois que o Clerk confirma cada um.",
      "catch-up": "Sincronização incremental: lê as mudanças desde a última.",
      dry: "Simulação de uma sincronização completa: mostra o que faria, e não grava nada.",
    },
    startAction: {
      full: "Iniciar a completa",
      "catch-up": "Iniciar a incremental",
      dry: "Iniciar a simulação",
    },
    startNote: "Se já houver uma em andamento, você é levado a ela.",

    list: "Execuções",
    shown: "Mostrar",
    showFull: "Completas",
    showCatchUp: "Incrementais",
    showAll: "Todas",
    empty: "Nenhuma execução ainda.",
    run: "Execução",
    runName: (id) => `Execução ${id}`,
    dryRun: "Simulação",
    state: "Estado",
    states: {
      waiting: "Aguardando",
      running: "Em andamento",
      succeeded: "Concluída",
      held: "Exclusões retidas",
      failed: "Falhou",
      cancelled: "Cancelada",
    },
    cancelling: "Cancelando",
    deleting: "Excluindo",
    superseded: "Substituída",
    startedBy: "Iniciada por",
    starters: {
      schedule: "agenda",
      "first-boot": "primeira partida",
      "catch-up": "diferença achada",
      retry: "tentativa após falha",
      "emptied-queue": "fila esvaziada",
    },
    starterFound: "uma sincronização incremental que achou uma diferença",
    requested: "Pedida",
    started: "Iniciada",
    finished: "Terminada",
    result: "Resultado",

    back: "Todas as execuções",
    progress: "Andamento",
    compared: (seen, total) => `${seen} de ${total} usuários do Clerk comparados`,
    comparedOpen: (seen) => `${seen} usuários do Clerk comparados`,
    onlyHere: (n, text) =>
      n === 1 ? "Mais 1 usuário não estava no Clerk" : `Mais ${text} usuários não estavam no Clerk`,
    pages: "Páginas lidas",
    heartbeat: "Último sinal do worker",
    counts: "O que fez",
    countsDry: "O que faria",
    count: {
      created: "Criados",
      linked: "Ligados a um perfil",
      updated: "Atualizados",
      unchanged: "Sem mudança",
      deleted: "Excluídos",
      held: "Exclusão retida",
      failed: "Recusados",
    },
    wouldHold: "Seriam retidas",
    missed: "Mudanças que um webhook deveria ter avisado",
    why: "Por quê",
    cancel: "Cancelar a execução",
    cancelTitle: "Cancelar a execução?",
    cancelSays: "O worker para em segundos. O que ele gravou fica; ele não exclui ninguém.",
    keepGoing: "Deixar continuar",
    cancelled: "A execução está sendo cancelada.",

    differences: "Usuários que mudariam",
    noDifferences: "Nenhum usuário mudaria.",
    incomplete:
      "Não são todos: só um número limitado é guardado, e só das simulações mais novas. Inicie outra simulação para a lista completa.",
    kind: "Seria",
    kinds: {
      created: "criado",
      linked: "ligado a um perfil",
      updated: "atualizado",
      deleted: "excluído",
      held: "retido para confirmação",
      failed: "recusado",
    },
    user: "Usuário",
    code: "Código",
    showDrifted: "Mostrar na lista de usuários",

    held: "Exclusões retidas",
    heldSays: (n, text) =>
      n === 1
        ? "1 usuário não está no Clerk. É mais do que o normal em um dia; por isso um admin precisa confirmar a exclusão."
        : `${text} usuários não estão no Clerk. São mais do que o normal em um dia; por isso um admin precisa confirmar a exclusão deles.`,
    wouldHoldSays: (n, text) =>
      n === 1
        ? "Uma execução real reteria 1 exclusão até um admin confirmá-la."
        : `Uma execução real reteria ${text} exclusões até um admin confirmá-las.`,
    heldWas: (n, text) => (n === 1 ? "1 exclusão foi retida" : `${text} exclusões foram retidas`),
    heldConfirmed: (was, by, at) =>
      at === null ? `${was}; confirmação de ${by}.` : `${was}; confirmação de ${by} em ${at}.`,
    heldSuperseded: (was) =>
      `${was}. Uma sincronização completa posterior comparou todos os usuários de novo; não há mais nada a confirmar aqui.`,
    heldRefused: (n, text) =>
      n === 1
        ? "1 exclusão foi recusada pelo Postgres. A próxima sincronização completa tenta de novo."
        : `${text} exclusões foram recusadas pelo Postgres. A próxima sincronização completa tenta de novo.`,
    heldDone: (done, total) => `${done} de ${total} feitas`,
    heldLate: "O worker não as executou em cinco minutos. É possível confirmar de novo.",
    heldWhy:
      "Uma CLERK_SECRET_KEY errada tem o mesmo efeito. Primeiro procure alguns deles no painel do Clerk. Se existirem lá, corrija a chave: a próxima execução os libera.",
    heldNone: "Esta execução não retém mais nenhuma exclusão.",
    name: "Nome",
    email: "E-mail",
    heldSince: "Retida desde",
    confirm: (n, text) => (n === 1 ? "Confirmar 1 exclusão" : `Confirmar ${text} exclusões`),
    confirmTitle: "Excluir estes usuários?",
    confirmSays:
      "O Rollcall pergunta ao Clerk de novo por cada um e exclui os que não existem mais: e-mail, nome e imagem são apagados.",
    profileStays: "O perfil continua como perfil sem usuário, para os registros do app.",
    cannotUndo: "Não pode ser desfeito.",
    confirmNames: (names, n, rest) => (n === 0 ? names : `${names} e mais ${rest}`),
    confirmed: "As exclusões estão confirmadas. Um worker as executa.",
    confirmedBy: (name) => `Confirmado por ${name}. Um worker executa.`,
    adminNote: "Para confirmar é preciso o papel admin.",
    noName: "Sem nome",
  },
});
