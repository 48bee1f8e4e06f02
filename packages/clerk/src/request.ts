import { AppError, nameNetworkFailure } from "@rollcall/contracts";
import { inChildSpan, type Span, type SpanOptions, type Tracing } from "@rollcall/observability";
import { type Dispatcher, request } from "undici";
import { z } from "zod";

export type ClerkRequestOptions = {
  dispatcher: Dispatcher;
  secretKey: string;
  apiUrl: string;
  timeoutMs: number;
  tracing: Tracing | undefined;
  onRequest: (status: string) => void;
  buffers: AnswerBuffers;
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
 * @param template the path without ids, for spans; by default the path, whose query no span has
 * @param read reduces the body at once. A promise that has waited since the request is old for V8: what it resolves to stays
 * in memory until the whole heap is collected, and a whole body would be five times the users that are read from it
 * @returns what was read, or undefined for a 404 of Clerk itself
 * @throws ClerkRefusal, or another AppError: `clerk.rate_limited` (with the wait), `clerk.unauthorized`,
 * `clerk.too_large` (over 10 MB), `clerk.unreadable` (no JSON, or an unexpected status), otherwise `clerk.unavailable`
 */
export async function requestClerk<T>(
  options: ClerkRequestOptions,
  path: string,
  read: (body: unknown) => T,
  template?: string,
): Promise<T | undefined> {
  const { tracing } = options;
  const { status, headers, bytes } = tracing
    ? await inChildSpan(tracing, describeRequest(options, template ?? path), (span) =>
        exchange(options, path, span),
      )
    : await exchange(options, path);
  if (status === 200) await options.beforeParse?.();
  const text = bytes.toString("utf8");
  options.buffers.giveBack(bytes);
  if (status === 200) return read(parseJson(text, options.onRequest));
  if (status === 404 && readErrorCodes(text)) return undefined;
  if (status === 403 && readErrorCodes(text)?.includes(organizationsOff))
    throw new AppError("clerk.unreadable", "Organizations are not enabled in the instance at Clerk");
  const retryAfterMs = readRetryAfterMs(headers["retry-after"]);
  const wait = retryAfterMs === undefined ? {} : { retryAfterMs };
  if ((status === 400 || status === 422) && readErrorCodes(text)) throw new ClerkRefusal(status);
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

/**
 * The codes of an error body of Clerk. A 404 of a proxy or of a wrong CLERK_API_URL has none, so it is no absence.
 * Otherwise it would delete users.
 */
function readErrorCodes(text: string): string[] | undefined {
  try {
    return clerkError.safeParse(JSON.parse(text)).data?.errors.map(({ code }) => code);
  } catch {
    return undefined;
  }
}

/** The key is right, so this 403 must not pause the work for all users as that of a wrong key does. */
const organizationsOff = "organization_not_enabled_in_instance";

type Exchange = { status: number; headers: Record<string, string | string[] | undefined>; bytes: Buffer };

/** A query and an id name users, so no span has them. No header names our trace to Clerk. */
function describeRequest({ apiUrl }: ClerkRequestOptions, path: string): SpanOptions {
  const { hostname, port, protocol } = new URL(apiUrl);
  const [template] = path.split("?", 1);
  return {
    name: `GET ${template}`,
    kind: "client",
    attributes: {
      "http.request.method": "GET",
      "server.address": hostname,
      "server.port": Number(port) || (protocol === "http:" ? 80 : 443),
      "url.template": template ?? "",
      "url.full": `${protocol}//${hostname}${port && `:${port}`}${template}`,
    },
  };
}

async function exchange(options: ClerkRequestOptions, path: string, span?: Span): Promise<Exchange> {
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
    const bytes = await readBytes(answer.body, options.buffers);
    options.onRequest(String(answer.statusCode));
    span?.set({ "http.response.status_code": answer.statusCode });
    if (answer.statusCode >= 400) span?.fail(String(answer.statusCode));
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

/** Reads by events, because a loop over the stream costs as much as a third of the parse of a page. */
function readBytes(body: Dispatcher.ResponseData["body"], buffers: AnswerBuffers): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let bytes = buffers.take();
    let size = 0;
    body.on("data", (chunk: Buffer) => {
      const from = size;
      size += chunk.length;
      if (size > maxAnswerBytes) {
        reject(new AppError("clerk.too_large", "Clerk's answer is over 10 MB"));
        // The rest is never held in memory.
        body.destroy();
        return;
      }
      if (size > bytes.length) bytes = enlarge(bytes, from, size);
      chunk.copy(bytes, from);
    });
    body.on("end", () => resolve(bytes.subarray(0, size)));
    body.on("error", reject);
    body.on("close", () => reject(new Error("Clerk's answer broke off")));
  });
}

/**
 * The memory of answers, used again by the next ones. A page that waits for its turn outlives V8's young generation, and
 * its bytes would be garbage that only a collection of the whole heap frees.
 */
type AnswerBuffers = { take(): Buffer; giveBack(bytes: Buffer): void };

const leastBytes = 16 * 1024;
/** Larger ones, and more of them, are left to the garbage collector. */
const mostKeptBytes = 2 * 1024 * 1024;
const mostKept = 16;

export function createAnswerBuffers(): AnswerBuffers {
  const kept: Buffer[] = [];
  return {
    take: () => kept.pop() ?? Buffer.allocUnsafeSlow(leastBytes),
    giveBack: ({ buffer }) => {
      if (kept.length < mostKept && buffer.byteLength <= mostKeptBytes) kept.push(Buffer.from(buffer));
    },
  };
}

function enlarge(bytes: Buffer, used: number, needed: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(Math.max(needed, bytes.length * 2));
  bytes.copy(larger, 0, 0, used);
  return larger;
}

function parseJson(text: string, onRequest: (status: string) => void): unknown {
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
