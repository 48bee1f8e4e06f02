import type { Locale, Text } from "../locale.ts";

type Entry = { status: 401 | 403 | 503; text: Text };

const forbidden = (ptBR: string, en: string): Entry => ({ status: 403, text: { "pt-BR": ptBR, en } });

/** Why a request is not let in. The names with a dot are those of Rollcall's api; its runbook explains them. */
const table = {
  unauthenticated: {
    status: 401,
    text: { "pt-BR": "Entre na sua conta para continuar.", en: "Please sign in to continue." },
  },
  no_profile: forbidden(
    "Esta conta não tem um perfil de mentorado.",
    "This account does not have a mentee profile.",
  ),
  "user.banned": forbidden("Esta conta está bloqueada.", "This account is banned."),
  "user.deleted": forbidden("Esta conta foi excluída.", "This account was deleted."),
  "user.unknown": forbidden("Conta não encontrada.", "Account not found."),
  "session.pending": forbidden(
    "Termine de entrar na sua conta para continuar.",
    "Finish signing in to continue.",
  ),
  unavailable: {
    status: 503,
    text: {
      "pt-BR": "Seu perfil não pôde ser preparado agora. Tente de novo em instantes.",
      en: "Your profile could not be prepared right now. Please try again in a moment.",
    },
  },
} as const satisfies Record<string, Entry>;

export type ProvisioningCode = keyof typeof table;

const usualRetryAfterMs = 1_000;

/**
 * A request that has no user with a profile. `message` is for people; `status` is 401 for nobody, 403 for somebody
 * who gets none, 503 while Rollcall is away.
 */
export class ProvisioningError extends Error {
  override readonly name = "ProvisioningError";
  readonly code: ProvisioningCode;
  readonly status: 401 | 403 | 503;
  /** When to ask again, in milliseconds; of a 503 alone. */
  readonly retryAfterMs: number | undefined;
  // Next.js keeps a digest that is there, and hides the message: how an error.tsx tells the codes apart.
  readonly digest: string;

  constructor(code: ProvisioningCode, locale: Locale, retryAfterMs = usualRetryAfterMs) {
    super(table[code].text[locale]);
    this.code = code;
    this.status = table[code].status;
    this.retryAfterMs = this.status === 503 ? retryAfterMs : undefined;
    this.digest = `rollcall:${code}`;
  }
}

/** Which code an error of the api's stands for: a refusal has one of its own, and all else may pass. */
export function toProvisioningCode(code: string): ProvisioningCode {
  return Object.hasOwn(table, code) ? (code as ProvisioningCode) : "unavailable";
}

/** What a refused request is answered with, over plain HTTP. */
export function describeAnswer({ status, code, message, retryAfterMs }: ProvisioningError): {
  status: number;
  headers: Record<string, string>;
  body: string;
} {
  const headers: Record<string, string> = {
    "content-type": "application/json; charset=utf-8",
    // It speaks of one person, at one moment.
    "cache-control": "no-store",
  };
  if (retryAfterMs !== undefined) headers["retry-after"] = String(Math.ceil(retryAfterMs / 1_000));
  return { status, headers, body: JSON.stringify({ error: { code, message } }) };
}
