import { defineTexts } from "../../language/language.tsx";

export const deadLettersTexts = defineTexts({
  en: {
    title: "Dead letters",
    says: "Jobs that failed for good. Remove the cause first, then replay them: a replay reads the present state at Clerk, so doing it twice does no harm.",
    empty: "There are no dead letters.",
    emptyCode: "No dead letter has this code any more.",
    codes: "By code",
    all: "All codes",
    chooseCode: "Choose a code to see what it means and how to repair it.",
    means: "Means",
    fix: "Fix",
    runbook: "Runbook",
    unknownCode: "See the section of this code in the runbook.",

    code: "Code",
    user: "User",
    job: "Job",
    refusal: "Postgres refused",
    attempts: "Attempts",
    first: "First",
    failed: "Failed",
    noUser: "Names no user",
    delivery: (svixId: string, size: string) => `Delivery ${svixId}, ${size}`,
    notReplayable: "Cannot be replayed",

    selected: (n: number, text: string) =>
      n === 1 ? "1 dead letter selected" : `${text} dead letters selected`,
    selection: "Selection",
    unselect: "Clear selection",
    replay: "Replay",
    discard: "Discard",
    replayCode: (n: number, text: string) =>
      n === 1 ? "Replay the one of this code" : `Replay all ${text} of this code`,
    discardCode: (n: number, text: string) =>
      n === 1 ? "Discard the one of this code" : `Discard all ${text} of this code`,
    replayAll: (n: number, text: string) => (n === 1 ? "Replay the only one" : `Replay all ${text}`),
    discardAll: (n: number, text: string) => (n === 1 ? "Discard the only one" : `Discard all ${text}`),
    replayCount: (n: number, text: string) => (n === 1 ? "Replay 1" : `Replay ${text}`),
    discardCount: (n: number, text: string) => (n === 1 ? "Discard 1" : `Discard ${text}`),
    allNote: "Dead letters that arrive meanwhile are included.",

    replayTitle: "Replay dead letters?",
    replaySays:
      "Each becomes a new job, 100 a second at most. If the cause is still there, it fails again and comes back here.",
    discardTitle: "Discard dead letters for good?",
    discardSays: "Their work is not done. The reason is kept in the timeline.",
    reason: "Reason",
    reasonHint: "3 to 200 characters. Name people by their Clerk id, never by email.",
    reasonShort: "Give the reason in a few words.",
    reasonEmail: "Remove the email: name people by their Clerk id.",
    stop: "Stop",
    stopping: "Stopping after this portion …",
    working: (text: string) => `${text} done so far`,

    replayed: (n: number, text: string) =>
      n === 1 ? "1 dead letter was replayed." : `${text} dead letters were replayed.`,
    discarded: (n: number, text: string) =>
      n === 1 ? "1 dead letter was discarded." : `${text} dead letters were discarded.`,
    nothing: "Nothing was left to do: another operator may have been faster.",
    refused: (n: number, text: string) => (n === 1 ? "1 was refused:" : `${text} were refused:`),
    stopped: "Stopped by you. The others are unchanged.",
    brokeOff: "Then the work broke off. The others are unchanged:",
    dismiss: "Close",
    seeActivity: "See what they do under Activity",
  },
  "pt-BR": {
    title: "Dead letters",
    says: "Jobs que falharam de vez. Primeiro remova a causa, depois repita: a repetição lê o estado atual no Clerk, então repetir duas vezes não causa dano.",
    empty: "Não há dead letters.",
    emptyCode: "Nenhuma dead letter tem mais este código.",
    codes: "Por código",
    all: "Todos os códigos",
    chooseCode: "Escolha um código para ver o que significa e como corrigir.",
    means: "O que significa",
    fix: "O que fazer",
    runbook: "Runbook",
    unknownCode: "Veja a seção deste código no runbook.",

    code: "Código",
    user: "Usuário",
    job: "Job",
    refusal: "O Postgres recusou",
    attempts: "Tentativas",
    first: "Início",
    failed: "Falhou",
    noUser: "Não nomeia usuário",
    delivery: (svixId, size) => `Entrega ${svixId}, ${size}`,
    notReplayable: "Não pode ser repetida",

    selected: (n, text) => (n === 1 ? "1 dead letter selecionada" : `${text} dead letters selecionadas`),
    selection: "Seleção",
    unselect: "Limpar seleção",
    replay: "Repetir",
    discard: "Descartar",
    replayCode: (n, text) =>
      n === 1 ? "Repetir a única deste código" : `Repetir todas as ${text} deste código`,
    discardCode: (n, text) =>
      n === 1 ? "Descartar a única deste código" : `Descartar todas as ${text} deste código`,
    replayAll: (n, text) => (n === 1 ? "Repetir a única" : `Repetir todas as ${text}`),
    discardAll: (n, text) => (n === 1 ? "Descartar a única" : `Descartar todas as ${text}`),
    replayCount: (n, text) => (n === 1 ? "Repetir 1" : `Repetir ${text}`),
    discardCount: (n, text) => (n === 1 ? "Descartar 1" : `Descartar ${text}`),
    allNote: "As que chegarem nesse meio-tempo também entram.",

    replayTitle: "Repetir dead letters?",
    replaySays:
      "Cada uma vira um novo job, no máximo 100 por segundo. Se a causa persistir, ela falha de novo e volta para cá.",
    discardTitle: "Descartar dead letters de vez?",
    discardSays: "O trabalho delas não será feito. O motivo fica na linha do tempo.",
    reason: "Motivo",
    reasonHint: "De 3 a 200 caracteres. Refira-se a pessoas pelo id do Clerk, nunca por e-mail.",
    reasonShort: "Dê o motivo em poucas palavras.",
    reasonEmail: "Retire o e-mail: refira-se a pessoas pelo id do Clerk.",
    stop: "Parar",
    stopping: "Parando depois desta porção …",
    working: (text) => `${text} até agora`,

    replayed: (n, text) =>
      n === 1 ? "1 dead letter foi repetida." : `${text} dead letters foram repetidas.`,
    discarded: (n, text) =>
      n === 1 ? "1 dead letter foi descartada." : `${text} dead letters foram descartadas.`,
    nothing: "Não havia mais nada a fazer: outro operador pode ter sido mais rápido.",
    refused: (n, text) => (n === 1 ? "1 foi recusada:" : `${text} foram recusadas:`),
    stopped: "Você parou. As demais não mudaram.",
    brokeOff: "Depois o trabalho foi interrompido. As demais não mudaram:",
    dismiss: "Fechar",
    seeActivity: "Veja o efeito em Atividade",
  },
});

/** The codes that dead letters have in practice. The runbook has a section on each, and on every other code. */
export const causesTexts = defineTexts({
  en: {
    "user.rejected": {
      means:
        "Postgres refused this user’s row: a constraint, type or trigger of the app, or a row that the app kept locked.",
      fix: "The list below names SQLSTATE, table and constraint. Change the constraint, or after 55P03 end the app’s open transaction, then replay.",
    },
    "webhook.unreadable": {
      means: "A signed delivery of Clerk named no user, so it cannot be replayed.",
      fix: "Find the delivery by its svix-id in Clerk’s dashboard. The user’s next login or change is caught anyway, so discard it.",
    },
    "hook.failed": {
      means: "The app’s endpoint (MENTORADO_CREATED_URL) did not accept the notification of a new profile.",
      fix: "Repair the endpoint or compare MENTORADO_CREATED_SECRET at both ends, then replay.",
    },
    "clerk.unreadable": {
      means: "Clerk’s answer about this user could not be read.",
      fix: "Check Clerk’s status page and CLERK_API_URL, then replay.",
    },
    "clerk.too_large": {
      means: "Clerk’s answer about this one user is larger than 10 MB.",
      fix: "Make the user’s metadata smaller at Clerk, then replay.",
    },
    "user.still_there": {
      means: "A deletion was reported, and Clerk still has the user.",
      fix: "Nothing is wrong with the user. Discard it; if the user does leave, the next full sync deletes it.",
    },
    "user.absent": {
      means: "Clerk had no such user.",
      fix: "For many users, compare CLERK_SECRET_KEY and CLERK_JWT_KEY: they may belong to different instances. A single one can be discarded.",
    },
    "job.unreadable": {
      means: "This version cannot read the job. Another version of Rollcall made it.",
      fix: "Bring all processes to one version. The user’s next login or change is caught anyway, so discard it.",
    },
    internal: {
      means: "An error that Rollcall does not expect.",
      fix: "Find the job in the worker’s log, repair the cause or report it, then replay.",
    },
  } as Readonly<Record<string, { means: string; fix: string }>>,
  "pt-BR": {
    "user.rejected": {
      means:
        "O Postgres recusou a linha deste usuário: uma restrição, um tipo ou um gatilho do aplicativo, ou uma linha que o aplicativo manteve bloqueada.",
      fix: "A lista abaixo traz SQLSTATE, tabela e restrição. Corrija a restrição ou, em caso de 55P03, encerre a transação aberta do aplicativo, e depois repita.",
    },
    "webhook.unreadable": {
      means: "Uma entrega assinada do Clerk não nomeava um usuário; por isso não pode ser repetida.",
      fix: "Procure a entrega pelo svix-id no painel do Clerk. O próximo login ou a próxima mudança do usuário é percebida de qualquer forma; por isso, descarte-a.",
    },
    "hook.failed": {
      means: "O endereço do aplicativo (MENTORADO_CREATED_URL) não aceitou o aviso de um novo perfil.",
      fix: "Conserte o endereço, ou compare MENTORADO_CREATED_SECRET nos dois lados, e depois repita.",
    },
    "clerk.unreadable": {
      means: "A resposta do Clerk sobre este usuário não pôde ser lida.",
      fix: "Veja a página de status do Clerk e CLERK_API_URL, e depois repita.",
    },
    "clerk.too_large": {
      means: "A resposta do Clerk sobre este único usuário passa de 10 MB.",
      fix: "Reduza os metadados do usuário no Clerk, e depois repita.",
    },
    "user.still_there": {
      means: "Uma exclusão foi avisada, e o Clerk ainda tem o usuário.",
      fix: "Não há nada errado com o usuário. Descarte-a; se o usuário sair de fato, a próxima sincronização completa o exclui.",
    },
    "user.absent": {
      means: "O Clerk não tinha este usuário.",
      fix: "Se forem muitos, compare CLERK_SECRET_KEY e CLERK_JWT_KEY: podem ser de instâncias diferentes. Uma única pode ser descartada.",
    },
    "job.unreadable": {
      means: "Esta versão não consegue ler o job. Outra versão do Rollcall o criou.",
      fix: "Deixe todos os processos na mesma versão. O próximo login ou a próxima mudança do usuário é percebida de qualquer forma; por isso, descarte-a.",
    },
    internal: {
      means: "Um erro que o Rollcall não espera.",
      fix: "Procure o job no log do worker, corrija ou relate a causa, e depois repita.",
    },
  },
});
