import { AppError } from "@rollcall/contracts";

/** Names a span in other processes and in links. */
export type SpanContext = { traceId: string; spanId: string; traceFlags: number };

export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** Kinds, names and attributes follow OpenTelemetry's semantic conventions. No name or value describes a user. */
export type SpanOptions = {
  name: string;
  /** By default the span is internal to its process. */
  kind?: "server" | "client" | "producer" | "consumer";
  attributes?: Attributes;
  /** By default the active span. With null the span begins a trace. */
  parent?: SpanContext | null | undefined;
  links?: readonly SpanContext[];
  /** By default now; milliseconds since the epoch. */
  startMs?: number;
};

export type Span = {
  readonly context: SpanContext;
  /** False for a span that the sampler left out. */
  readonly isRecording: boolean;
  set(attributes: Attributes): void;
  link(context: SpanContext): void;
  /** Gives the span the status of an error. @param type a code or the name of an error, never its message */
  fail(type: string): void;
  /** @param atMs by default now; milliseconds since the epoch */
  end(atMs?: number): void;
};

/** Makes spans. A process without a collector has no such object, and code then does its work without spans. */
export type Tracing = {
  /** The span that the present work belongs to. */
  active(): Span | undefined;
  /** Starts a span that is not active. */
  start(options: SpanOptions): Span;
  /** Makes the span active in `work` and in everything that it waits for; undefined: no span. */
  run<T>(span: Span | undefined, work: () => T): T;
};

/** Does `work` in a span. An error of `work` fails the span. Without tracing it does `work` alone. */
export function inSpan<T>(
  tracing: Tracing | undefined,
  options: SpanOptions,
  work: (span: Span | undefined) => Promise<T>,
): Promise<T> {
  return tracing ? record(tracing, options, work) : work(undefined);
}

/**
 * Does `work` in a span below the active one. Work that belongs to no span has none: most statements are those of timers, and
 * each would be a trace.
 */
export function inChildSpan<T>(
  tracing: Tracing | undefined,
  options: SpanOptions,
  work: (span: Span | undefined) => Promise<T>,
): Promise<T> {
  return tracing?.active() ? record(tracing, options, work) : work(undefined);
}

/**
 * Does `work` once for several callers, in a span below the first caller that is recorded, with a link to each of the others.
 *
 * @param callers the spans that wait for the work
 */
export function inSharedSpan<T>(
  tracing: Tracing | undefined,
  options: SpanOptions,
  callers: readonly (Span | undefined)[],
  work: () => Promise<T>,
): Promise<T> {
  if (!tracing) return work();
  const spans = callers.filter((caller) => caller !== undefined);
  // The present work may belong to another caller.
  if (spans.length === 0) return tracing.run(undefined, work);
  const first = spans.find(({ isRecording }) => isRecording) ?? spans[0];
  const links = spans
    .filter((caller) => caller !== first && caller.isRecording)
    .map(({ context }) => context);
  const shared = { ...options, parent: first?.context ?? null, links };
  return record(tracing, shared, work);
}

async function record<T>(
  tracing: Tracing,
  options: SpanOptions,
  work: (span: Span) => Promise<T>,
): Promise<T> {
  const span = tracing.start(options);
  try {
    return await tracing.run(span, () => work(span));
  } catch (error) {
    span.fail(nameErrorType(error));
    throw error;
  } finally {
    span.end();
  }
}

/** The value of `error.type`: a code of ours, or the class of the error. Messages may quote rows. */
export function nameErrorType(error: unknown): string {
  if (error instanceof AppError) return error.code;
  return error instanceof Error ? error.name : "_OTHER";
}

const isSampledFlag = 1;

export function isSampled({ traceFlags }: SpanContext): boolean {
  return (traceFlags & isSampledFlag) === isSampledFlag;
}

/** The header of W3C Trace Context. */
export function formatTraceparent({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
}

/** A later version may have further fields, and `ff` is no version. */
const traceparent = /^(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** Undefined for a value that W3C Trace Context forbids. A caller may send anything. */
export function parseTraceparent(value: unknown): SpanContext | undefined {
  if (typeof value !== "string" || value.length > 255) return undefined;
  const [, version, traceId = "", spanId = "", flags = "", rest] = traceparent.exec(value) ?? [];
  if (version === undefined || (version === "00" && rest !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & isSampledFlag };
}
