const texts = {
  en: {
    tagline: "The Clerk simulator: what happens at Clerk, and what Rollcall does with it",
    skip: "Skip to the people",
    language: "Language",
    signUpTitle: "Sign someone up",
    firstName: "First name",
    lastName: "Last name",
    email: "Email",
    signUp: "Sign up",
    troubleTitle: "Inject a fault",
    loseNext: "Lose the next webhook",
    loseNextHint:
      "Rollcall misses one change. Sign the person in, or wait for the catch-up, to see the repair.",
    twice: "Deliver every webhook twice",
    twiceHint: "Rollcall still makes each row once.",
    clerkDown: "Clerk is down",
    clerkDownHint: "Its API answers 503. Jobs wait and continue later.",
    partsTitle: "The parts",
    api: "API",
    worker: "Worker",
    database: "Postgres",
    queue: "Queue",
    clerk: "Clerk",
    up: "works",
    down: "does not answer",
    unknown: "unknown",
    "run.catch-up": "Catch-up",
    "run.full": "Full sync",
    runAgo: "{time} ago",
    runNever: "not yet",
    "run.failed": "failed {time} ago",
    "run.held": "holds deletions",
    "run.cancelled": "cancelled {time} ago",
    people: "People",
    shown: "the latest {shown} of {total}",
    empty: "There are no people yet.",
    gone: "Deleted",
    goneDone: "Rollcall keeps a tombstone, without email and name.",
    goneWaiting: "Deleted at Clerk; Rollcall has not received the deletion yet.",
    goneNever: "Rollcall never had a row.",
    atClerk: "At Clerk",
    atRollcall: "At Rollcall",
    signedUpAt: "signed up {time}",
    "hook.waiting": "on its way",
    "hook.delivered": "delivered",
    "hook.lost": "lost",
    "hook.failed": "failed",
    hookCopies: "{count} times",
    noHooks: "no webhook since the start",
    row: "Row",
    profile: "Profile",
    there: "there",
    none: "not yet",
    noneBanned: "none while banned",
    noneAdmin: "none for admins",
    took: "{time} after signing up",
    "cause.webhook": "by webhook",
    "cause.login": "by the webhook of a login",
    "cause.ensure": "by the app's ensure call",
    "cause.reconcile": "by the full sync",
    "cause.full": "by the full sync",
    "cause.catch-up": "by the catch-up",
    "state.provisioned": "Provisioned",
    "state.waiting": "On its way",
    "state.lost": "The webhook was lost",
    "state.behind": "Being updated",
    "state.missed": "A change was lost",
    "state.banned": "Banned",
    "state.unseen": "Unknown",
    signIn: "Sign in",
    signInOf: "Sign in: {name}",
    edit: "Edit",
    editOf: "Edit: {name}",
    ban: "Ban",
    banOf: "Ban: {name}",
    unban: "Lift ban",
    unbanOf: "Lift ban: {name}",
    delete: "Delete",
    deleteOf: "Delete: {name}",
    editTitle: "Name and email",
    save: "Save at Clerk",
    cancel: "Cancel",
    asking: "The app calls ensure …",
    answered: "Ensure answered {status} in {ms} ms: {meaning}",
    "meaning.created": "provisioned just now",
    "meaning.ready": "everything was there",
    "meaning.stale": "from the cache, because a part is down",
    "meaning.pending": "not yet; trying again",
    "meaning.gone": "deleted",
    "meaning.refused": "refused",
    "meaning.away": "a part is down; trying again",
    "meaning.other": "see the answer",
    notReached: "The API does not answer; trying again",
    gaveUp: "No answer; please try again later",
    answerBody: "The answer",
    failed: "The action failed: {error}",
    unreached: "The simulator does not answer. Is Rollcall still running? This page reconnects by itself.",
    saidSignedUp: "{name} signed up",
    saidProvisioned: "{name} is provisioned, {took}",
    saidGone: "{name} was deleted",
    signInTagline: "The Clerk simulator, in the place of Clerk's sign-in. There are no passwords.",
    signUpAndReturn: "Sign up",
    signInPeople: "Sign in as",
    signInFailed: "This did not work. Is Rollcall still running?",
  },
  "pt-BR": {
    tagline: "O simulador do Clerk: o que acontece no Clerk e o que o Rollcall faz com isso",
    skip: "Ir para as pessoas",
    language: "Idioma",
    signUpTitle: "Cadastrar alguém",
    firstName: "Nome",
    lastName: "Sobrenome",
    email: "E-mail",
    signUp: "Cadastrar",
    troubleTitle: "Deixar algo dar errado",
    loseNext: "Perder o próximo webhook",
    loseNextHint: "O Rollcall não é avisado. Entre com a pessoa, ou espere a verificação periódica, e veja.",
    twice: "Entregar cada webhook duas vezes",
    twiceHint: "Ainda assim, o Rollcall cria cada linha uma só vez.",
    clerkDown: "O Clerk está fora do ar",
    clerkDownHint: "A API dele responde 503; o trabalho espera e continua depois.",
    partsTitle: "As partes",
    api: "API",
    worker: "Worker",
    database: "Postgres",
    queue: "Fila",
    clerk: "Clerk",
    up: "funciona",
    down: "não responde",
    unknown: "não se sabe",
    "run.catch-up": "Verificação periódica",
    "run.full": "Sincronização completa",
    runAgo: "há {time}",
    runNever: "ainda não",
    "run.failed": "falhou há {time}",
    "run.held": "segura exclusões",
    "run.cancelled": "parada há {time}",
    people: "Pessoas",
    shown: "as {shown} mais recentes de {total}",
    empty: "Ninguém se cadastrou ainda.",
    gone: "Excluídas",
    goneDone: "O Rollcall guarda uma lápide, sem e-mail e sem nome.",
    goneWaiting: "Excluída no Clerk; o Rollcall ainda não soube.",
    goneNever: "O Rollcall nunca teve uma linha.",
    atClerk: "No Clerk",
    atRollcall: "No Rollcall",
    signedUpAt: "cadastro às {time}",
    "hook.waiting": "a caminho",
    "hook.delivered": "entregue",
    "hook.lost": "perdido",
    "hook.failed": "abandonado",
    hookCopies: "{count} vezes",
    noHooks: "nenhum webhook desde o início",
    row: "Linha",
    profile: "Perfil",
    there: "existe",
    none: "ainda não",
    noneBanned: "nenhum enquanto banida",
    noneAdmin: "nenhum para admins",
    took: "{time} depois do cadastro",
    "cause.webhook": "pelo webhook",
    "cause.login": "pelo webhook de um login",
    "cause.ensure": "pela chamada ensure do app",
    "cause.reconcile": "pela sincronização completa",
    "cause.full": "pela sincronização completa",
    "cause.catch-up": "pela verificação periódica",
    "state.provisioned": "Provisionada",
    "state.waiting": "A caminho",
    "state.lost": "O Rollcall não foi avisado",
    "state.behind": "Sendo atualizada",
    "state.missed": "Uma mudança se perdeu",
    "state.banned": "Banida",
    "state.unseen": "Não dá para ver",
    signIn: "Entrar",
    signInOf: "Entrar: {name}",
    edit: "Editar",
    editOf: "Editar: {name}",
    ban: "Banir",
    banOf: "Banir: {name}",
    unban: "Desbanir",
    unbanOf: "Desbanir: {name}",
    delete: "Excluir",
    deleteOf: "Excluir: {name}",
    editTitle: "Nome e e-mail",
    save: "Salvar no Clerk",
    cancel: "Cancelar",
    asking: "O app chama ensure …",
    answered: "Ensure respondeu {status} em {ms} ms: {meaning}",
    "meaning.created": "provisionada agora",
    "meaning.ready": "estava tudo lá",
    "meaning.stale": "do cache, pois falta uma parte",
    "meaning.pending": "ainda não; perguntando de novo",
    "meaning.gone": "excluída",
    "meaning.refused": "sem permissão",
    "meaning.away": "falta uma parte; perguntando de novo",
    "meaning.other": "veja a resposta",
    notReached: "A API não responde; perguntando de novo",
    gaveUp: "Sem resposta; tente mais tarde",
    answerBody: "A resposta",
    failed: "Não deu certo: {error}",
    unreached: "O simulador não responde. O Rollcall ainda roda? Esta página continua sozinha.",
    saidSignedUp: "{name} se cadastrou",
    saidProvisioned: "{name} está provisionada, {took}",
    saidGone: "{name} foi excluída",
    signInTagline: "O simulador do Clerk, no lugar da entrada do Clerk. Não há senhas.",
    signUpAndReturn: "Cadastrar",
    signInPeople: "Entrar como",
    signInFailed: "Não deu certo. O Rollcall ainda roda?",
  },
};

const storageKey = "rollcall-language";
let language = readLanguage();

function readLanguage() {
  const kept = localStorage.getItem(storageKey);
  if (kept in texts) return kept;
  return navigator.language.toLowerCase().startsWith("pt") ? "pt-BR" : "en";
}

export function currentLanguage() {
  return language;
}

/** The text of `key` in the chosen language, with `{name}` replaced from `values`. */
export function text(key, values = {}) {
  const found = texts[language][key] ?? texts.en[key] ?? key;
  return found.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

/** The cause by which Rollcall made a profile; a cause without a text is shown as it is. */
export function causeText(cause) {
  return texts[language][`cause.${cause}`] ?? cause;
}

export function timeText(ms) {
  return new Date(ms).toLocaleTimeString(language, { hourCycle: "h23" });
}

export function durationText(ms) {
  const seconds = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 120_000) return `${seconds.format(ms / 1_000)} s`;
  return ms < 7_200_000 ? `${seconds.format(ms / 60_000)} min` : `${seconds.format(ms / 3_600_000)} h`;
}

export function chooseLanguage(chosen) {
  language = chosen;
  localStorage.setItem(storageKey, chosen);
  writeTexts();
}

/** Writes the texts of all static elements. */
export function writeTexts() {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-text]"))
    element.textContent = text(element.dataset.text);
  for (const button of document.querySelectorAll("[data-language]")) {
    button.setAttribute("aria-pressed", String(button.dataset.language === language));
  }
}
