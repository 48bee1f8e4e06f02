import type { Problem } from "@rollcall/contracts";
import { defineTexts } from "../../language/language.tsx";

type Sentence = (count: string, params: Problem["params"]) => string;

const list = (value: Problem["params"][string] | undefined) => [value ?? []].flat().join(", ");

const english: Record<Problem["code"], Sentence> = {
  postgres_down: () =>
    "Postgres does not answer. Nothing is lost: Clerk sends webhooks again, and logins with a cached user pass.",
  postgres_refuses_writes: () =>
    "Postgres answers reads and refuses writes: it is a replica, read-only or full.",
  queue_down: (_count, { backend }) =>
    `The queues on ${backend} do not answer, or refuse writes. Webhooks get 503 and come again.`,
  migrations_missing: (_count, { names }) => `The database lacks migrations (${list(names)}).`,
  schema_changed: (_count, { problems }) => `The app's tables changed: ${list(problems)}.`,
  no_worker: () => "No worker has reported within the last minute: jobs wait.",
  logins_refused: (count, { answered, reasons }) =>
    `Most logins of the last 15 minutes are refused: ${count} of ${answered} (${list(reasons)}).`,
  clerk_down: () => "Clerk does not answer: jobs wait for it.",
  clerk_refused: (_count, { variable }) => `Clerk refuses the key in ${variable}.`,
  dead_letters: (count) => `Dead letters: ${count}. These jobs failed for good and wait for a replay.`,
  run_failed: (_count, { mode, runId }) =>
    `The latest ${mode === "full" ? "full sync" : "incremental sync"} (run ${runId}) failed.`,
  deletions_held: (count) =>
    `Deletions held: ${count}. They are too many for one day, so an admin must confirm them.`,
  profiles_missing: (count) => `Users without the profile that they should have: ${count}.`,
  alerts_firing: (_count, { names }) => `Alerts are firing: ${list(names)}.`,
  forwarded_untrusted: (_count, { variable }) =>
    `A proxy stands before the api and ${variable} is unset: all callers behind it share one limit.`,
  conflicts_open: (count) =>
    `Open conflicts: ${count}. A profile may belong to a user, and an operator must decide.`,
};

const portuguese: Record<Problem["code"], Sentence> = {
  postgres_down: () =>
    "O Postgres não responde. Nada se perde: o Clerk reenvia os webhooks, e entradas com usuário em cache passam.",
  postgres_refuses_writes: () =>
    "O Postgres responde a leituras e recusa escritas: é uma réplica, está só para leitura ou cheio.",
  queue_down: (_count, { backend }) =>
    `As filas no ${backend} não respondem ou recusam escritas. Webhooks recebem 503 e voltam.`,
  migrations_missing: (_count, { names }) => `Faltam migrações no banco (${list(names)}).`,
  schema_changed: (_count, { problems }) => `As tabelas do app mudaram: ${list(problems)}.`,
  no_worker: () => "Nenhum worker deu sinal no último minuto: os jobs esperam.",
  logins_refused: (count, { answered, reasons }) =>
    `A maioria das entradas dos últimos 15 minutos foi recusada: ${count} de ${answered} (${list(reasons)}).`,
  clerk_down: () => "O Clerk não responde: os jobs esperam por ele.",
  clerk_refused: (_count, { variable }) => `O Clerk recusa a chave em ${variable}.`,
  dead_letters: (count) => `Dead letters: ${count}. Estes jobs falharam de vez e esperam por um replay.`,
  run_failed: (_count, { mode, runId }) =>
    `A última sincronização ${mode === "full" ? "completa" : "incremental"} (execução ${runId}) falhou.`,
  deletions_held: (count) =>
    `Exclusões retidas: ${count}. São muitas para um dia, e um admin precisa confirmá-las.`,
  profiles_missing: (count) => `Usuários sem o perfil que deveriam ter: ${count}.`,
  alerts_firing: (_count, { names }) => `Alertas disparados: ${list(names)}.`,
  forwarded_untrusted: (_count, { variable }) =>
    `Há um proxy diante da api e ${variable} não está definida: todos atrás dele dividem um só limite.`,
  conflicts_open: (count) =>
    `Conflitos abertos: ${count}. Um perfil pode ser de um usuário, e um operador precisa decidir.`,
};

export const overviewTexts = defineTexts({
  en: {
    title: "Overview",
    attention: "Needs attention",
    open: {
      "/dead-letters": "Open dead letters",
      "/runs": "Open runs",
      "/users": "Show these users",
      "/alerts": "Open alerts",
      "/conflicts": "Open conflicts",
    } as Readonly<Record<string, string>>,
    openRun: "Open the run",
    openHeld: "See the held deletions",
    run: "Run",
    problems: english,
    users: "Users",
    live: "Live",
    withoutProfile: "Without a profile",
    countedAt: (at: string) => `Counted at ${at}.`,
    usersHint:
      "Rows of users here. A person at Clerk whose row is missing is not counted: a dry run finds them.",
    banned: "Banned",
    deleted: "Deleted",
    sources: "Services",
    postgres: "Postgres",
    queue: "Queues",
    clerk: "Clerk",
    workers: "Workers",
    running: (n: number, text: string) => (n === 0 ? "none" : `${text} running`),
    unknown: "not known",
    states: { up: "up", down: "down", refused: "refuses the key", not_configured: "not configured" },
    away: "Not known: the source of these numbers is away.",
    signUpsByDay: "Sign-ups by day (30 days, UTC)",
    signUpsByHour: "Sign-ups by hour (48 hours)",
    signUps: "Sign-ups",
    provisioned: "Got a profile",
    gotRow: "Got a row",
    timeToProfile: "Time from sign-up to profile",
    timeToRow: "Time from sign-up to row",
    half: "half within (p50)",
    most: "95 % within (p95)",
    webhooks: "Webhooks by hour (24 hours)",
    missed: "Late changes by hour (24 hours)",
    arrived: "Arrived",
    late: "More than a minute late",
    caughtUp: "Found by incremental sync",
    queueAge: "Age of the oldest unfinished job",
    seconds: "Seconds",
    noQueue: "No job is waiting.",
    runs: "Last full syncs",
    incremental: "Last incremental sync",
    finished: "Finished",
    noRuns: "None yet. A worker starts the first full sync by itself.",
    marks: "Releases and restarts",
    marksHint: "Dashed lines in the charts.",
    release: "release",
    restart: "restart",
    mark: (program: string, version: string, kind: string) => `${program} ${version}: ${kind}`,
    moreMarks: (count: string) => `and ${count} more`,
    noMarks: "No process has started within 30 days.",
    time: "Time",
    values: "Values as a table",
    noData: "Nothing yet.",
  },
  "pt-BR": {
    title: "Visão geral",
    attention: "Precisa de atenção",
    open: {
      "/dead-letters": "Abrir dead letters",
      "/runs": "Abrir execuções",
      "/users": "Mostrar estes usuários",
      "/alerts": "Abrir alertas",
      "/conflicts": "Abrir conflitos",
    },
    openRun: "Abrir a execução",
    openHeld: "Ver as exclusões retidas",
    run: "Execute",
    problems: portuguese,
    users: "Usuários",
    live: "Ativos",
    withoutProfile: "Sem perfil",
    countedAt: (at: string) => `Contados em ${at}.`,
    usersHint:
      "Linhas de usuários daqui. Quem está no Clerk sem linha aqui não é contado: uma simulação os encontra.",
    banned: "Bloqueados",
    deleted: "Excluídos",
    sources: "Serviços",
    postgres: "Postgres",
    queue: "Filas",
    clerk: "Clerk",
    workers: "Workers",
    running: (n, text) => (n === 0 ? "nenhum" : `${text} no ar`),
    unknown: "desconhecido",
    states: { up: "no ar", down: "fora do ar", refused: "recusa a chave", not_configured: "não configurado" },
    away: "Desconhecido: a fonte destes números está fora do ar.",
    signUpsByDay: "Cadastros por dia (30 dias, UTC)",
    signUpsByHour: "Cadastros por hora (48 horas)",
    signUps: "Cadastros",
    provisioned: "Ganharam perfil",
    gotRow: "Ganharam linha",
    timeToProfile: "Tempo do cadastro ao perfil",
    timeToRow: "Tempo do cadastro à linha",
    half: "metade em até (p50)",
    most: "95 % em até (p95)",
    webhooks: "Webhooks por hora (24 horas)",
    missed: "Mudanças atrasadas por hora (24 horas)",
    arrived: "Chegaram",
    late: "Mais de um minuto depois",
    caughtUp: "Achados pela sincronização incremental",
    queueAge: "Idade do job inacabado mais antigo",
    seconds: "Segundos",
    noQueue: "Nenhum job esperando.",
    runs: "Últimas sincronizações completas",
    incremental: "Última sincronização incremental",
    finished: "Terminou",
    noRuns: "Nenhuma ainda. Um worker começa a primeira sincronização completa sozinho.",
    marks: "Versões e reinícios",
    marksHint: "Linhas tracejadas nos gráficos.",
    release: "nova versão",
    restart: "reinício",
    mark: (program, version, kind) => `${program} ${version}: ${kind}`,
    moreMarks: (count) => `e mais ${count}`,
    noMarks: "Nenhum processo começou nos últimos 30 dias.",
    time: "Hora",
    values: "Valores em tabela",
    noData: "Nada ainda.",
  },
});
