import type { Locale, Text } from "./locale.ts";

/** The texts of errors that the client itself reports. */
const own = {
  network: {
    "pt-BR": "Não foi possível falar com o servidor. Verifique sua conexão e tente de novo.",
    en: "The server could not be reached. Check your connection and try again.",
  },
  timeout: {
    "pt-BR": "O servidor demorou demais para responder. Tente de novo.",
    en: "The server took too long to answer. Please try again.",
  },
  pending: {
    "pt-BR": "Seu perfil ainda está sendo preparado. Tente de novo em instantes.",
    en: "Your profile is still being prepared. Please try again in a moment.",
  },
  aborted: { "pt-BR": "A espera foi cancelada.", en: "The wait was cancelled." },
  no_token: { "pt-BR": "Entre na sua conta para continuar.", en: "Please sign in to continue." },
  invalid_answer: {
    "pt-BR": "Algo deu errado do nosso lado. Tente de novo.",
    en: "Something went wrong on our side. Please try again.",
  },
} as const satisfies Record<string, Text>;

/** Error codes of this package. All other codes come from the api, and Rollcall's runbook has a section for each. */
export type OwnErrorCode = keyof typeof own;

/** How the api refuses a signed-in user. `organization.not_a_member`: no member of the session's active organization. */
export type RefusalCode =
  | "organization.not_a_member"
  | "session.pending"
  | "user.banned"
  | "user.deleted"
  | "user.unknown";

export type RollcallErrorDetails = {
  /** HTTP status of the answer; undefined without an answer. */
  status?: number | undefined;
  /** The same call may succeed later. */
  retryable: boolean;
  /** The wait that the api asked for, in milliseconds. */
  retryAfterMs?: number | undefined;
  /** The id of the request in the api's log. */
  requestId?: string | undefined;
  /** In development: the likely cause and its setting. The message ends with it. */
  hint?: string | undefined;
};

/** The reason why there is no profile. `message` is for people, in their language; `code` is for programs. */
export class RollcallError extends Error {
  override readonly name = "RollcallError";
  readonly code: OwnErrorCode | RefusalCode | (string & {});
  readonly status: number | undefined;
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;
  readonly requestId: string | undefined;
  readonly hint: string | undefined;

  constructor(code: RollcallError["code"], message: string, details: RollcallErrorDetails) {
    super(message);
    this.code = code;
    this.status = details.status;
    this.retryable = details.retryable;
    this.retryAfterMs = details.retryAfterMs;
    this.requestId = details.requestId;
    this.hint = details.hint;
  }
}

/** Makes an error of this package, with its message. A hint stands instead of the advice after the first sentence. */
export function ownError(code: OwnErrorCode, locale: Locale, details: RollcallErrorDetails): RollcallError {
  const text = own[code][locale];
  const message = details.hint ? `${text.split(". ")[0]}. ${details.hint}` : text;
  return new RollcallError(code, message, details);
}

/** Translates an error of this package into another language; an error of the api stays as it is. */
export function translateError(error: RollcallError, locale: Locale): RollcallError {
  const { code } = error;
  if (!isOwnCode(code)) return error;
  const translated = ownError(code, locale, error);
  return translated.message === error.message ? error : translated;
}

function isOwnCode(code: string): code is OwnErrorCode {
  return Object.hasOwn(own, code);
}
