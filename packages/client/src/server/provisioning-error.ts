import type { Locale, Text } from "../locale.ts";

type Entry = { status: 401 | 403 | 503; text: Text };

const forbidden = (ptBR: string, en: string): Entry => ({ status: 403, text: { "pt-BR": ptBR, en } });

/** The reasons to refuse a request. Codes with a dot come from Rollcall's api, and its runbook explains them. */
const table = {
  unauthenticated: {
    status: 401,
    text: { "pt-BR": "Entre na sua conta para continuar.", en: "Please sign in to continue." },
  },
  // The api refuses tokens without an azp unless a variable allows them. Clerk's cookie tokens of a navigation have none.
  "session.no_azp": {
    status: 401,
    text: {
      "pt-BR":
        "O token desta sessão não diz de que app vem (azp). Para aceitá-lo, defina CLERK_ACCEPT_MISSING_AZP=true no Rollcall.",
      en: "The token of this session names no app (azp). To accept it, set CLERK_ACCEPT_MISSING_AZP=true in Rollcall.",
    },
  },
  no_profile: forbidden(
    "Esta conta não tem um perfil de mentorado.",
    "This account does not have a mentee profile.",
  ),
  "user.banned": forbidden("Esta conta está bloqueada.", "This account is banned."),
  "user.deleted": forbidden("Esta conta foi excluída.", "This account was deleted."),
  "user.unknown": forbidden("Conta não encontrada.", "Account not found."),
  "organization.not_a_member": forbidden(
    "Você não é membro desta organização.",
    "You are not a member of this organization.",
  ),
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

const defaultRetryAfterMs = 1_000;

/**
 * A request without a user and profile. `message` is for people. `status` is 401 without a signed-in user, 403 for a
 * refused user, and 503 while Rollcall is away.
 */
export class ProvisioningError extends Error {
  override readonly name = "ProvisioningError";
  readonly code: ProvisioningCode;
  readonly status: 401 | 403 | 503;
  /** The wait before the next request, in milliseconds; only with 503. */
  readonly retryAfterMs: number | undefined;
  // Next.js hides the message and keeps an existing digest, from which an error.tsx reads the code.
  readonly digest: string;

  /** @param cause for logs: what could not be read, or the api's error */
  constructor(code: ProvisioningCode, locale: Locale, retryAfterMs = defaultRetryAfterMs, cause?: Error) {
    super(table[code].text[locale], cause && { cause });
    this.code = code;
    this.status = table[code].status;
    this.retryAfterMs = this.status === 503 ? retryAfterMs : undefined;
    this.digest = `rollcall:${code}`;
  }
}

/** Maps an error code of the api: a refusal keeps its code, and every other error is `unavailable`. */
export function toProvisioningCode(code: string): ProvisioningCode {
  return Object.hasOwn(table, code) ? (code as ProvisioningCode) : "unavailable";
}

/** The HTTP answer to a refused request. */
export function describeAnswer({ status, code, message, retryAfterMs }: ProvisioningError): {
  status: number;
  headers: Record<string, string>;
  body: string;
} {
  const headers: Record<string, string> = {
    "content-type": "application/json; charset=utf-8",
    // The answer is about one user at one moment.
    "cache-control": "no-store",
  };
  if (retryAfterMs !== undefined) headers["retry-after"] = String(Math.ceil(retryAfterMs / 1_000));
  return { status, headers, body: JSON.stringify({ error: { code, message } }) };
}
