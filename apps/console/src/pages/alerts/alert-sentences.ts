import { defineTexts } from "../../language/language.tsx";

/** fires: what is wrong, while the alert fires. watches: the condition, while all is well. */
export type Sentences = Readonly<Record<string, { fires: string; watches: string }>>;

/** The alert rules in sentences, by their names. A rule that is missing here is shown with the server's English summary. */
export const alertSentences = defineTexts({
  en: {
    dead_letters: {
      fires:
        "There are dead letters: their users may be out of date until an operator fixes the cause and replays them.",
      watches: "Fires while there are dead letters.",
    },
    queue_stalled: {
      fires: "A job has been unfinished for more than a minute: users wait.",
      watches: "Fires when a job is unfinished for more than a minute.",
    },
    no_worker: {
      fires: "No worker was alive within the last minute: webhooks and logins are accepted and wait.",
      watches: "Fires when no worker was alive within a minute.",
    },
    creation_failures: {
      fires: "More than 1 % of the profiles that are due fail to be created or linked.",
      watches: "Fires when more than 1 % of the profiles that are due fail to be created or linked.",
    },
    creation_slow: {
      fires: "A sync job takes more than 5 s on average.",
      watches: "Fires when a sync job takes more than 5 s on average.",
    },
    api_slow: {
      fires: "More than 5 % of ensure calls and webhooks take longer than 2 s.",
      watches: "Fires when more than 5 % of ensure calls and webhooks take longer than 2 s.",
    },
    answers_unavailable: {
      fires:
        "More than 1 % of the api’s answers are 503: logins fail, and webhooks wait for their next delivery.",
      watches: "Fires when more than 1 % of the api’s answers are 503.",
    },
    logins_refused: {
      fires: "Most logins are refused: a setting does not fit the app, or a clock is wrong.",
      watches: "Fires when most logins are refused for a reason that a wrong setting has.",
    },
    postgres_errors: {
      fires: "More than 5 calls to Postgres failed within an hour. It ends an hour after the last errors.",
      watches: "Fires when more than 5 calls to Postgres fail within an hour.",
    },
    failed_syncs: {
      fires:
        "More than 10 attempts to sync users failed in the last 24 h. It ends by itself as they grow older.",
      watches: "Fires when more than 10 attempts to sync users fail within 24 h.",
    },
    reconcile_overdue: {
      fires: "No full sync was completed within 26 h: the effects of lost webhooks may still be there.",
      watches: "Fires when no full sync is completed within 26 h.",
    },
    webhooks_silent: {
      fires:
        "No webhook came within an hour, but the incremental sync finds changes that webhooks should have reported.",
      watches: "Fires when no webhook comes although the incremental sync finds changes.",
    },
    sign_ups_unusual: {
      fires: "Far more users sign up than in the day before: a campaign, or bots.",
      watches: "Fires when far more users sign up than in the day before.",
    },
    deletions_held: {
      fires: "More users than usual are missing at Clerk: an admin must confirm their deletion.",
      watches: "Fires while deletions wait for an admin to confirm them.",
    },
    schema_changed: {
      fires: "The app’s schema lacks columns, keys or indexes that Rollcall needs: run npx rollcall migrate.",
      watches: "Fires when the app’s schema lacks columns, keys or indexes that Rollcall needs.",
    },
    queue_memory: {
      fires: "The queues’ Redis uses more than 70 % of its memory: no new jobs are accepted.",
      watches: "Fires when the queues’ Redis uses more than 70 % of its memory.",
    },
    alerts_unsent: {
      fires: "Alerts are not delivered: ALERT_WEBHOOK_URL does not accept them.",
      watches: "Fires when alerts are not delivered.",
    },
  } as Sentences,
  "pt-BR": {
    dead_letters: {
      fires:
        "Há dead letters: seus usuários podem estar desatualizados até um operador corrigir a causa e refazê-los.",
      watches: "Dispara enquanto há dead letters.",
    },
    queue_stalled: {
      fires: "Um job está inacabado há mais de um minuto: usuários esperam.",
      watches: "Dispara quando um job fica inacabado por mais de um minuto.",
    },
    no_worker: {
      fires: "Nenhum worker esteve ativo no último minuto: webhooks e entradas são aceitos e esperam.",
      watches: "Dispara quando nenhum worker está ativo por um minuto.",
    },
    creation_failures: {
      fires: "Mais de 1 % dos perfis devidos não são criados nem vinculados.",
      watches: "Dispara quando mais de 1 % dos perfis devidos não são criados nem vinculados.",
    },
    creation_slow: {
      fires: "Um job de sincronização leva mais de 5 s em média.",
      watches: "Dispara quando um job de sincronização leva mais de 5 s em média.",
    },
    api_slow: {
      fires: "Mais de 5 % das chamadas de ensure e dos webhooks levam mais de 2 s.",
      watches: "Dispara quando mais de 5 % das chamadas de ensure e dos webhooks levam mais de 2 s.",
    },
    answers_unavailable: {
      fires: "Mais de 1 % das respostas da api são 503: entradas falham, e webhooks esperam o próximo envio.",
      watches: "Dispara quando mais de 1 % das respostas da api são 503.",
    },
    logins_refused: {
      fires:
        "A maioria das entradas é recusada: uma configuração não combina com o app, ou um relógio está errado.",
      watches:
        "Dispara quando a maioria das entradas é recusada por um motivo típico de configuração errada.",
    },
    postgres_errors: {
      fires:
        "Mais de 5 chamadas ao Postgres falharam em uma hora. Termina uma hora depois dos últimos erros.",
      watches: "Dispara quando mais de 5 chamadas ao Postgres falham em uma hora.",
    },
    failed_syncs: {
      fires:
        "Mais de 10 tentativas de sincronizar usuários falharam nas últimas 24 h. Termina sozinho quando elas ficam mais antigas.",
      watches: "Dispara quando mais de 10 tentativas de sincronizar usuários falham em 24 h.",
    },
    reconcile_overdue: {
      fires:
        "Nenhuma sincronização completa terminou em 26 h: efeitos de webhooks perdidos ainda podem estar lá.",
      watches: "Dispara quando nenhuma sincronização completa termina em 26 h.",
    },
    webhooks_silent: {
      fires:
        "Nenhum webhook chegou em uma hora, mas a sincronização incremental acha mudanças que webhooks deveriam ter avisado.",
      watches: "Dispara quando nenhum webhook chega, embora a sincronização incremental ache mudanças.",
    },
    sign_ups_unusual: {
      fires: "Muito mais usuários se cadastram do que no dia anterior: uma campanha, ou bots.",
      watches: "Dispara quando muito mais usuários se cadastram do que no dia anterior.",
    },
    deletions_held: {
      fires: "Mais usuários que o normal não estão no Clerk: um admin precisa confirmar a exclusão deles.",
      watches: "Dispara enquanto exclusões esperam a confirmação de um admin.",
    },
    schema_changed: {
      fires:
        "O esquema do app não tem colunas, chaves ou índices de que o Rollcall precisa: npx rollcall migrate.",
      watches:
        "Dispara quando faltam no esquema do app colunas, chaves ou índices de que o Rollcall precisa.",
    },
    queue_memory: {
      fires: "O Redis das filas usa mais de 70 % da memória: nenhum job novo é aceito.",
      watches: "Dispara quando o Redis das filas usa mais de 70 % da memória.",
    },
    alerts_unsent: {
      fires: "Os alertas não são entregues: ALERT_WEBHOOK_URL não os aceita.",
      watches: "Dispara quando os alertas não são entregues.",
    },
  },
});

/** The same for an app without profiles, where a rule speaks of them. */
export const sentencesWithoutProfiles = defineTexts({
  en: {
    creation_failures: {
      fires: "More than 1 % of the users that are due cannot be written.",
      watches: "Fires when more than 1 % of the users that are due cannot be written.",
    },
  } as Sentences,
  "pt-BR": {
    creation_failures: {
      fires: "Mais de 1 % dos usuários devidos não podem ser gravados.",
      watches: "Dispara quando mais de 1 % dos usuários devidos não podem ser gravados.",
    },
  },
});
