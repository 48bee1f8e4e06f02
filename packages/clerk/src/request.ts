import { AppError, nameNetworkFailure } from "@rollcall/contracts";
import { type Dispatcher, request } from "undici";
import { z } from "zod";

export type ClerkRequestOptions = {
  dispatcher: Dispatcher;
  secretKey: string;
  apiUrl: string;
  timeoutMs: number;
  onRequest: (status: string) => void;
  /** Awaited before the answer is parsed. Bytes are a fraction of the parsed size, and outside of the heap. */
  beforeParse?: (() => Promise<unknown>) | undefined;
};

const apiVersion = "2026-05-12";
const clerkError = z.object({ errors: z.array(z.object({ code: z.string() })).nonempty() });
const maxAnswerBytes = 10 * 1024 * 1024;

/** Clerk refuses the request: a 400 or 422 with an error body of Clerk. */
export class ClerkRefusal extends AppError {
  constructor(status: number) {
    super("clerk.unreadable", `Clerk answered ${status}`);
  }
}

/**
 * One GET to Clerk's Backend API.
 *
 * @returns the parsed body, or undefined for a 404 of Clerk itself
 * @throws ClerkRefusal, or another AppError: `clerk.rate_limited` (with the wait), `clerk.unauthorized`,
 * `clerk.too_large` (over 10 MB), `clerk.unreadable` (no JSON, or an unexpected status), otherwise `clerk.unavailable`
 */
export async function requestClerk(options: ClerkRequestOptions, path: string): Promise<unknown> {
  const { status, headers, bytes } = await exchange(options, path);
  if (status === 200) {
    await options.beforeParse?.();
    return readJson(bytes.toString("utf8"), options.onRequest);
  }
  const text = bytes.toString("utf8");
  if (status === 404 && isClerkError(text)) return undefined;
  const retryAfterMs = readRetryAfterMs(headers["retry-after"]);
  const wait = retryAfterMs === undefined ? {} : { retryAfterMs };
  if ((status === 400 || status === 422) && isClerkError(text)) throw new ClerkRefusal(status);
  throw toStatusError(status, wait);
}

/** The error for a status that is no success. */
export function toStatusError(status: number, wait: { retryAfterMs?: number }): AppError {
  const says = `Clerk answered ${status}`;
  if (status === 429) return new AppError("clerk.rate_limited", says, wait);
  if (status === 401 || status === 403) return new AppError("clerk.unauthorized", says);
  return status >= 500
    ? new AppError("clerk.unavailable", says, wait)
    : new AppError("clerk.unreadable", says);
}

/** A 404 of a proxy or of a wrong CLERK_API_URL is no absence. Otherwise it would delete users. */
function isClerkError(text: string): boolean {
  try {
    return clerkError.safeParse(JSON.parse(text)).success;
  } catch {
    return false;
  }
}

type Exchange = { status: number; headers: Record<string, string | string[] | undefined>; bytes: Buffer };

async function exchange(options: ClerkRequestOptions, path: string): Promise<Exchange> {
  // One signal for the whole exchange, so that a body that arrives too slowly ends with the timeout too.
  const signal = AbortSignal.timeout(options.timeoutMs);
  try {
    const answer = await request(new URL(path, options.apiUrl), {
      dispatcher: options.dispatcher,
      signal,
      headers: {
        authorization: `Bearer ${options.secretKey}`,
        accept: "application/json",
        "clerk-api-version": apiVersion,
        "user-agent": "rollcall",
      },
    });
    const bytes = await readBytes(answer.body);
    options.onRequest(String(answer.statusCode));
    return { status: answer.statusCode, headers: answer.headers, bytes };
  } catch (error) {
    if (error instanceof AppError) {
      options.onRequest("unreadable");
      throw error;
    }
    options.onRequest(signal.aborted ? "timeout" : "network");
    const message = signal.aborted
      ? `Clerk did not answer within ${options.timeoutMs} ms`
      : `Clerk was not reached (${nameNetworkFailure(error)})`;
    throw new AppError("clerk.unavailable", message);
  }
}

async function readBytes(body: Dispatcher.ResponseData["body"]): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    // Leaving the loop destroys the stream, so the rest is never held in memory.
    if (size > maxAnswerBytes) throw new AppError("clerk.too_large", "Clerk's answer is over 10 MB");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function readJson(text: string, onRequest: (status: string) => void): unknown {
  try {
    return JSON.parse(text);
  } catch {
    onRequest("unreadable");
    throw new AppError("clerk.unreadable", "Clerk's answer is not JSON");
  }
}

/** `Retry-After` in seconds or as a date. @returns milliseconds from now */
function readRetryAfterMs(header: string | string[] | undefined): number | undefined {
  const value = Array.isArray(header) ? header[0] : header;
  if (value === undefined) return undefined;
  const seconds = Number(value);
  const waitMs = Number.isFinite(seconds) ? seconds * 1_000 : Date.parse(value) - Date.now();
  return Number.isFinite(waitMs) ? Math.max(0, waitMs) : undefined;
}
