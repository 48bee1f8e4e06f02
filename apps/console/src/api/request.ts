import type { SessionAnswer } from "@rollcall/contracts";
import { watchUse } from "./last-use.ts";

/** Every request of the console goes through `request`, so each failure has one form. */

const prefix = "/api/admin";
const sessionPath = `${prefix}/session`;

/** The operator that the page shows, and the CSRF token. Both stay in memory, so no other page can read them. */
let held: { name: string; csrf: string } | undefined;

/** Called by the session alone. */
export function holdSession(session: { name: string; csrf: string } | undefined): void {
  held = session;
}

const isInUse = watchUse(window, () => performance.now());

const unauthenticatedListeners = new Set<() => void>();

/** Calls `listener` when an answer says that the session may be over. @returns stops it */
export function onUnauthenticated(listener: () => void): () => void {
  unauthenticatedListeners.add(listener);
  return () => void unauthenticatedListeners.delete(listener);
}

export function reportUnauthenticated(): void {
  for (const listener of unauthenticatedListeners) listener();
}

/**
 * A refused or unanswered request. `message` is the server's sentence in the page's language; it is empty when there was
 * no answer.
 */
export class ApiProblem extends Error {
  /** The HTTP status; 0 without an answer. */
  readonly status: number;
  /** A code of the runbook, such as `admin.forbidden`; `no_answer` without an answer. */
  readonly code: string;
  readonly requestId: string | undefined;
  readonly retryAfterS: number | undefined;
  /** A write that was not answered may have happened. */
  readonly isWrite: boolean;

  constructor(facts: {
    status: number;
    code: string;
    message: string;
    isWrite: boolean;
    requestId?: string | undefined;
    retryAfterS?: number | undefined;
  }) {
    super(facts.message);
    this.name = "ApiProblem";
    this.status = facts.status;
    this.code = facts.code;
    this.requestId = facts.requestId;
    this.retryAfterS = facts.retryAfterS;
    this.isWrite = facts.isWrite;
  }

  /** Whether the same request may succeed later without a change by the operator. */
  get mayPass(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

type Method = "GET" | "POST" | "PATCH";

type Options = {
  query?: Query | undefined;
  body?: unknown;
  signal?: AbortSignal | undefined;
  /** Reads an answer that is no JSON. */
  read?: ((response: Response) => Promise<unknown>) | undefined;
};

export function get<Answer>(path: string, options: Omit<Options, "body"> = {}): Promise<Answer> {
  return request<Answer>("GET", `${prefix}${path}`, options);
}

/** An answer that is no JSON, read by `read`. */
export function readWith<Answer>(
  path: string,
  options: Pick<Options, "query" | "signal">,
  read: (response: Response) => Promise<Answer>,
): Promise<Answer> {
  return request<Answer>("GET", `${prefix}${path}`, { ...options, read });
}

export function post<Answer>(path: string, body: unknown = {}): Promise<Answer> {
  return request<Answer>("POST", `${prefix}${path}`, { body });
}

export function patch<Answer>(path: string, body: unknown): Promise<Answer> {
  return request<Answer>("PATCH", `${prefix}${path}`, { body });
}

/** Login and logout are pages' routes, below /admin. */
export function postAccess<Answer>(
  path: "/admin/login" | "/admin/logout",
  body: unknown = {},
): Promise<Answer> {
  return request<Answer>("POST", path, { body });
}

/** The present session, or null without one. @throws ApiProblem */
export async function getSession(): Promise<SessionAnswer | null> {
  try {
    return await send<SessionAnswer>("GET", sessionPath, {});
  } catch (error) {
    if (error instanceof ApiProblem && error.status === 401) return null;
    throw error;
  }
}

/** The address of a download, which the browser follows by itself. */
export function addressOf(path: string, query: Query = {}): string {
  const text = new URLSearchParams(
    Object.entries(query).flatMap(([key, value]) => (value === undefined ? [] : [[key, String(value)]])),
  ).toString();
  return `${prefix}${path}${text === "" ? "" : `?${text}`}`;
}

/** @throws ApiProblem */
async function request<Answer>(method: Method, path: string, options: Options): Promise<Answer> {
  try {
    return await send<Answer>(method, path, options);
  } catch (error) {
    if (!(error instanceof ApiProblem)) throw error;
    if (error.status === 401 && path.startsWith(prefix)) reportUnauthenticated();
    if (error.code !== "admin.csrf" || !(await renewToken())) throw error;
    return send<Answer>(method, path, options);
  }
}

/**
 * Another tab logged in again, so this page's token belongs to an old session. A login under another name does not count:
 * the page would act for an operator that it does not show.
 */
async function renewToken(): Promise<boolean> {
  const session = await getSession().catch(() => null);
  const isSame = session !== null && session.name === held?.name;
  if (isSame) held = session;
  else reportUnauthenticated();
  return isSame;
}

async function send<Answer>(method: Method, path: string, options: Options): Promise<Answer> {
  const { query, body, signal } = options;
  const address = query === undefined ? path : addressOf(path.slice(prefix.length), query);
  const isWrite = method !== "GET";
  let response: Response;
  try {
    response = await fetch(address, {
      method,
      credentials: "same-origin",
      cache: "no-store",
      headers: {
        accept: "application/json",
        "accept-language": document.documentElement.lang,
        // A read without an operator at the page does not prolong the session.
        "x-rollcall-console": isInUse() ? "1" : "background",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(isWrite && held ? { "x-csrf-token": held.csrf } : {}),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: signal ?? null,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw noAnswer(isWrite);
  }
  if (response.ok)
    return response.status === 204 ? (undefined as Answer) : readAnswer<Answer>(response, options, isWrite);
  throw await readProblem(response, isWrite);
}

function noAnswer(isWrite: boolean): ApiProblem {
  return new ApiProblem({ status: 0, code: "no_answer", message: "", isWrite });
}

async function readAnswer<Answer>(
  response: Response,
  { read, signal }: Options,
  isWrite: boolean,
): Promise<Answer> {
  try {
    // The server checks its answers against the same schemas, so the type is taken at its word.
    return (await (read ? read(response) : response.json())) as Answer;
  } catch (error) {
    if (signal?.aborted) throw error;
    // The connection broke within the answer, or a proxy answered with a page.
    throw noAnswer(isWrite);
  }
}

async function readProblem(response: Response, isWrite: boolean): Promise<ApiProblem> {
  const body = await response.json().catch(() => undefined);
  const error = typeof body === "object" && body !== null && "error" in body ? body.error : undefined;
  const { code, message } =
    typeof error === "object" && error !== null ? (error as Record<string, unknown>) : {};
  const retryAfter = Number(response.headers.get("retry-after") ?? Number.NaN);
  return new ApiProblem({
    status: response.status,
    isWrite,
    code: typeof code === "string" ? code : `http_${response.status}`,
    message: typeof message === "string" ? message : "",
    requestId: typeof body?.requestId === "string" ? body.requestId : undefined,
    retryAfterS: Number.isFinite(retryAfter) ? retryAfter : undefined,
  });
}
