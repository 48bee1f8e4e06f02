import { z } from "zod";
import type { Locale } from "./locale.ts";

type ErrorEntry = {
  /** HTTP status when the error reaches a caller. */
  status: number;
  /** Whether the same call may succeed later without a fix. */
  retryable: boolean;
  /** The sentence for people, without internal details. */
  title: Record<Locale, string>;
};

/** Every error that leaves Rollcall, by code. Each code has its section in docs/RUNBOOK.md. */
export const errorTable = {
  "webhook.invalid_signature": entry(400, false, "Assinatura inválida.", "Invalid signature."),
  "webhook.not_configured": entry(
    503,
    true,
    "O recebimento de webhooks não está configurado: falta CLERK_WEBHOOK_SIGNING_SECRET.",
    "Webhooks are not configured: CLERK_WEBHOOK_SIGNING_SECRET is missing.",
  ),
  "webhook.unreadable": entry(
    200,
    false,
    "A entrega está assinada, mas não pôde ser lida.",
    "The delivery is signed but could not be read.",
  ),
  "request.malformed": entry(400, false, "Pedido malformado.", "Malformed request."),
  "request.not_found": entry(404, false, "Não encontrado.", "Not found."),
  "request.timeout": entry(
    408,
    true,
    "O pedido não chegou a tempo. Tente de novo.",
    "The request did not arrive in time. Please try again.",
  ),
  "request.uri_too_long": entry(414, false, "Endereço longo demais.", "The address is too long."),
  "request.headers_too_large": entry(
    431,
    false,
    "Cabeçalhos grandes demais. Apague os cookies deste site e tente de novo.",
    "Headers too large. Delete this site's cookies and try again.",
  ),
  "request.too_large": entry(413, false, "Pedido grande demais.", "Request too large."),
  "request.unsupported_media_type": entry(
    415,
    false,
    "Tipo de conteúdo não aceito; envie application/json.",
    "Unsupported content type; send application/json.",
  ),
  "request.rate_limited": entry(
    429,
    true,
    "Muitos pedidos. Aguarde um momento.",
    "Too many requests. Please wait.",
  ),
  unauthenticated: entry(401, false, "Entre na sua conta para continuar.", "Please sign in to continue."),
  "admin.unauthenticated": entry(401, false, "Usuário ou senha incorretos.", "Wrong user name or password."),
  "admin.cross_site": entry(
    403,
    false,
    "Pedido vindo de outro site recusado.",
    "Request from another site refused.",
  ),
  "admin.changed_meanwhile": entry(
    409,
    false,
    "Isto mudou enquanto você olhava. Nada foi alterado: confira o estado atual e decida de novo.",
    "This changed while you looked at it. Nothing was done: look at the present state and decide again.",
  ),
  "admin.selection_changed": entry(
    409,
    false,
    "Agora há mais usuários na seleção. Nada foi alterado: confira o número e confirme de novo.",
    "More users match by now. Nothing was done: look at the number and confirm again.",
  ),
  "bulk.unknown": entry(404, false, "Alteração em massa não encontrada.", "No such bulk change."),
  "bulk.finished": entry(409, false, "Esta alteração em massa já terminou.", "This bulk change is over."),
  "bulk.too_many": entry(
    409,
    true,
    "Há alterações em massa demais em andamento. Espere uma terminar, ou cancele uma.",
    "Too many bulk changes are in progress. Wait until one ends, or cancel one.",
  ),
  "admin.forbidden": entry(
    403,
    false,
    "Seu papel não permite isto. Peça a um administrador.",
    "Your role does not allow this. Ask an administrator.",
  ),
  "admin.csrf": entry(
    403,
    false,
    "Falta o token CSRF da sua sessão, ou ele é de outra. Recarregue a página.",
    "The CSRF token of your session is missing or belongs to another one. Reload the page.",
  ),
  "admin.session_unknown": entry(
    404,
    false,
    "Não há sessão aberta com este id: já terminou, ou nunca existiu.",
    "There is no open session with this id: it ended already, or never existed.",
  ),
  "purge.waiting": entry(
    503,
    true,
    "A eliminação está registrada, e nenhum worker a fez ainda. Repita o pedido para ver o resultado.",
    "The purge is recorded, and no worker has done it yet. Send the request again to see the result.",
  ),
  "session.no_azp": entry(
    401,
    false,
    "O token da sessão não tem azp. Só com CLERK_ACCEPT_MISSING_AZP=true o Rollcall aceita esses tokens.",
    "The session token has no azp. Rollcall accepts such tokens only with CLERK_ACCEPT_MISSING_AZP=true.",
  ),
  "session.pending": entry(
    403,
    false,
    "Termine de entrar na sua conta para continuar.",
    "Finish signing in to continue.",
  ),
  "conflict.unknown": entry(404, false, "Conflito não encontrado.", "No such conflict."),
  "conflict.closed": entry(409, false, "Este conflito já foi encerrado.", "This conflict is closed already."),
  "conflict.not_a_candidate": entry(
    400,
    false,
    "Este perfil não é um dos candidatos do conflito.",
    "This profile is not one of the conflict's candidates.",
  ),
  "conflict.taken": entry(
    409,
    false,
    "Este perfil já pertence a outro usuário.",
    "This profile already belongs to another user.",
  ),
  "conflict.busy": entry(
    409,
    true,
    "O perfil ou o usuário está sendo alterado neste momento. Tente de novo daqui a pouco.",
    "The profile or the user is being changed at this moment. Please try again shortly.",
  ),
  "conflict.profile_touched": entry(
    409,
    false,
    "O perfil novo já foi usado. Envie também discardProfile: true para desligá-lo do usuário.",
    "The new profile was used already. Send discardProfile: true as well to unlink it from the user.",
  ),
  "dead_letter.unknown": entry(
    404,
    false,
    "Não há dead letter com este id: já foi repetida ou descartada, ou nunca existiu.",
    "There is no dead letter with this id: it was replayed or discarded already, or never existed.",
  ),
  "dead_letter.not_replayable": entry(
    409,
    false,
    "Esta dead letter não pode ser repetida: ela não diz de que usuário trata. Descarte-a com um motivo.",
    "This dead letter cannot be replayed: it names no user. Discard it with a reason.",
  ),
  "dead_letter.busy": entry(
    409,
    true,
    "Outra pessoa está repetindo ou descartando dead letters. Tente de novo daqui a pouco.",
    "Another operator is replaying or discarding dead letters. Please try again shortly.",
  ),
  "hook.failed": entry(
    502,
    true,
    "O aviso de novo perfil não foi aceito.",
    "The notification of a new profile was not accepted.",
  ),
  "user.forbidden": entry(403, false, "Este usuário não é você.", "This user is not you."),
  "user.banned": entry(403, false, "Esta conta está bloqueada.", "This account is banned."),
  "user.deleted": entry(410, false, "Esta conta foi excluída.", "This account was deleted."),
  "organization.not_a_member": entry(
    403,
    false,
    "Você não é membro desta organização.",
    "You are not a member of this organization.",
  ),
  "user.not_deleted": entry(
    409,
    false,
    "Este usuário não foi excluído. Exclua-o primeiro no Clerk.",
    "This user is not deleted. Delete them at Clerk first.",
  ),
  "user.unknown": entry(404, false, "Conta não encontrada.", "Account not found."),
  "user.absent": entry(404, true, "Conta ainda não encontrada.", "Account not found yet."),
  "user.still_there": entry(
    409,
    true,
    "O serviço de contas ainda tem esta conta.",
    "The account service still has this account.",
  ),
  "user.rejected": entry(
    500,
    false,
    "Os dados desta conta não puderam ser gravados.",
    "The data of this account could not be stored.",
  ),
  "organization.off": entry(
    404,
    false,
    'Organizações estão desligadas. Acrescente "organizations": {} ao mapeamento de ROLLCALL_CONFIG e execute rollcall migrate: veja docs/ADOPT.md.',
    'Organizations are off. Add "organizations": {} to the mapping that ROLLCALL_CONFIG names, and run rollcall migrate: see docs/ADOPT.md.',
  ),
  "organization.unknown": entry(404, false, "Organização não encontrada.", "Organization not found."),
  "organization.deleted": entry(
    410,
    false,
    "Esta organização foi excluída.",
    "This organization was deleted.",
  ),
  "queue.unavailable": entry(
    503,
    true,
    "Serviço temporariamente indisponível. Tente de novo.",
    "Temporarily unavailable. Please try again.",
  ),
  "postgres.unavailable": entry(
    503,
    true,
    "Serviço temporariamente indisponível. Tente de novo.",
    "Temporarily unavailable. Please try again.",
  ),
  "schema.changed": entry(
    503,
    true,
    "O banco de dados mudou e precisa ser corrigido. Tente de novo mais tarde.",
    "The database was changed and must be repaired. Please try again later.",
  ),
  "clerk.unavailable": entry(
    503,
    true,
    "O serviço de contas está indisponível. Tente de novo.",
    "The account service is unavailable. Please try again.",
  ),
  "clerk.rate_limited": entry(
    503,
    true,
    "O serviço de contas está ocupado. Tente de novo.",
    "The account service is busy. Please try again.",
  ),
  "clerk.unauthorized": entry(
    503,
    true,
    "O serviço de contas recusou a chave deste servidor.",
    "The account service refused this server's key.",
  ),
  "clerk.unreadable": entry(
    502,
    true,
    "A resposta do serviço de contas não pôde ser lida.",
    "The answer of the account service could not be read.",
  ),
  "clerk.too_large": entry(
    502,
    false,
    "A resposta do serviço de contas é grande demais.",
    "The answer of the account service is too large.",
  ),
  "reconcile.list_empty": entry(
    502,
    false,
    "O serviço de contas devolveu uma lista vazia, mas há usuários aqui.",
    "The account service returned an empty list, but there are users here.",
  ),
  "reconcile.list_incomplete": entry(
    502,
    false,
    "A lista do serviço de contas acabou cedo demais.",
    "The account service's list ended too early.",
  ),
  "reconcile.list_repeated": entry(
    502,
    false,
    "A lista do serviço de contas se repete ou está fora de ordem.",
    "The account service's list repeats itself or is out of order.",
  ),
  "reconcile.unconfirmed": entry(
    502,
    false,
    "As exclusões não puderam ser confirmadas.",
    "The deletions could not be confirmed.",
  ),
  "reconcile.interrupted": entry(
    500,
    false,
    "A execução foi interrompida muitas vezes sem avançar.",
    "The run was interrupted too often without progress.",
  ),
  "run.unknown": entry(404, false, "Execução não encontrada.", "No such run."),
  "run.finished": entry(409, false, "Esta execução já terminou.", "This run is finished."),
  "run.not_held": entry(
    409,
    false,
    "Esta execução não tem exclusões retidas.",
    "This run holds no deletions.",
  ),
  "run.confirmed": entry(
    409,
    false,
    "As exclusões desta execução já foram confirmadas.",
    "The deletions of this run are confirmed already.",
  ),
  "run.superseded": entry(
    409,
    false,
    "Uma execução mais nova vale no lugar desta.",
    "A newer run replaces this one.",
  ),
  "run.busy": entry(
    409,
    true,
    "Outra execução está em andamento. Tente de novo depois.",
    "Another run is in progress. Please try again later.",
  ),
  "job.unreadable": entry(
    500,
    false,
    "O conteúdo deste job não pôde ser lido.",
    "The payload of this job could not be read.",
  ),
  internal: entry(
    500,
    true,
    "Algo deu errado do nosso lado. Tente de novo.",
    "Something went wrong on our side. Please try again.",
  ),
} as const satisfies Record<string, ErrorEntry>;

function entry(status: number, retryable: boolean, ptBR: string, en: string): ErrorEntry {
  return { status, retryable, title: { "pt-BR": ptBR, en } };
}

export type ErrorCode = keyof typeof errorTable;

/** The body of every error answer; `message` is for people, `code` for programs. */
export const errorBody = z.object({
  error: z.object({ code: z.string(), message: z.string() }),
  requestId: z.string(),
});

export type ErrorBody = z.infer<typeof errorBody>;
