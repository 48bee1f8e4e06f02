import { defineTexts } from "../../language/language.tsx";

type Sentences = Readonly<Record<string, string>>;

/** The server has the sentences of the alert rules in English. A rule that is missing here is shown in English. */
const portuguese: Sentences = {
  dead_letters:
    "Há dead letters: seus usuários podem estar desatualizados até um operador corrigir a causa e refazê-los.",
  queue_stalled: "Um job está inacabado há mais de um minuto: usuários esperam.",
  no_worker: "Nenhum worker esteve ativo no último minuto: webhooks e entradas são aceitos e esperam.",
  creation_failures: "Mais de 1 % dos mentorados devidos não são criados nem vinculados.",
  creation_slow: "Um job de sincronização leva mais de 5 segundos em média.",
  api_slow: "Mais de 5 % das chamadas de ensure e dos webhooks levam mais de 2 segundos.",
  answers_unavailable: "Mais de 1 % das respostas são 503: um serviço necessário está fora do ar.",
  logins_refused:
    "A maioria das entradas é recusada: uma configuração não combina com o app, ou um relógio está errado.",
  postgres_errors: "Mais de 5 chamadas ao Postgres falharam em uma hora.",
  failed_syncs: "Mais de 10 jobs de sincronização falharam em um dia.",
  reconcile_overdue:
    "Nenhum sync completo terminou em 26 horas: efeitos de webhooks perdidos ainda podem estar lá.",
  webhooks_silent: "Nenhum webhook chega, mas o catch-up encontra mudanças: o endpoint no Clerk não entrega.",
  sign_ups_unusual: "Muito mais usuários se cadastram do que no dia anterior: uma campanha, ou bots.",
  deletions_held: "Exclusões não assinadas demais para um dia: esperam a confirmação de um operador.",
  schema_changed:
    "O esquema do app não tem colunas, chaves ou índices de que o Rollcall precisa: npm run migrate.",
  queue_memory: "O Redis das filas usa mais de 70 % da memória: nenhum job novo é aceito.",
  alerts_unsent: "Os alertas não são entregues: ALERT_WEBHOOK_URL não os aceita.",
};

export const alertsTexts = defineTexts({
  en: {
    title: "Alerts",
    sentences: {} as Sentences,
    delivery: "Where alerts are sent",
    off: "Alerts are only in the log: ALERT_WEBHOOK_URL is unset.",
    unknown: (host: string) => `To ${host}. Nothing has been sent yet.`,
    works: (host: string) => `To ${host}. The last one arrived.`,
    fails: (host: string, code: string) =>
      `To ${host}. The last one did not arrive (${code}): check ALERT_WEBHOOK_URL.`,
    lastSent: "Last arrived",
    lastFailed: "Last failed",
    present: "Present state",
    name: "Alert",
    state: "State",
    value: "Value",
    since: "Since",
    states: { ok: "ok", pending: "pending", firing: "firing", unknown: "not evaluated" },
    urgent: "urgent",
    today: "today",
    history: "History",
    fired: "Fired",
    resolved: "Ended",
    still: "still firing",
    emptyHistory: "No alert has fired yet.",
    quiet: (count: string) => `${count} alerts are ok`,
    nothingFires: "No alert fires.",
  },
  "pt-BR": {
    title: "Alertas",
    sentences: portuguese,
    delivery: "Para onde vão os alertas",
    off: "Os alertas estão só no log: ALERT_WEBHOOK_URL não está definida.",
    unknown: (host) => `Para ${host}. Nada foi enviado ainda.`,
    works: (host) => `Para ${host}. O último chegou.`,
    fails: (host, code) => `Para ${host}. O último não chegou (${code}): verifique ALERT_WEBHOOK_URL.`,
    lastSent: "Último entregue",
    lastFailed: "Última falha",
    present: "Estado atual",
    name: "Alerta",
    state: "Estado",
    value: "Valor",
    since: "Desde",
    states: { ok: "ok", pending: "pendente", firing: "disparado", unknown: "não avaliado" },
    urgent: "urgente",
    today: "hoje",
    history: "Histórico",
    fired: "Disparou",
    resolved: "Terminou",
    still: "ainda disparado",
    emptyHistory: "Nenhum alerta disparou ainda.",
    quiet: (count) => `${count} alertas estão ok`,
    nothingFires: "Nenhum alerta disparado.",
  },
});
