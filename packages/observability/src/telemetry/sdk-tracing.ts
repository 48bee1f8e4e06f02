import { AsyncLocalStorage } from "node:async_hooks";
import {
  type Context,
  ROOT_CONTEXT,
  type Span as SdkSpan,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import type { Span, SpanContext, SpanOptions, Tracing } from "../tracing.ts";

const kinds = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
} as const satisfies Record<NonNullable<SpanOptions["kind"]>, SpanKind>;

/** Spans of the SDK. The active one is known to this object alone, so no other code of the process can change it. */
export function createTracing(tracer: Tracer): Tracing {
  const storage = new AsyncLocalStorage<Span | undefined>();

  function start({ name, kind, attributes, parent, links = [], startMs }: SpanOptions): Span {
    const options = {
      kind: kind ? kinds[kind] : SpanKind.INTERNAL,
      links: links.map((context) => ({ context })),
      ...(attributes && { attributes: { ...attributes } }),
      ...(startMs !== undefined && { startTime: startMs }),
    };
    const above = parent === undefined ? storage.getStore()?.context : parent;
    return wrap(tracer.startSpan(name, options, toContext(above)));
  }

  return {
    active: () => storage.getStore(),
    start,
    run: (span, work) => storage.run(span, work),
  };
}

function toContext(parent: SpanContext | null | undefined): Context {
  return parent ? trace.setSpanContext(ROOT_CONTEXT, parent) : ROOT_CONTEXT;
}

function wrap(span: SdkSpan): Span {
  return {
    context: span.spanContext(),
    isRecording: span.isRecording(),
    set: (attributes) => {
      span.setAttributes({ ...attributes });
    },
    link: (context) => {
      span.addLink({ context });
    },
    fail: (type) => {
      span.setAttribute("error.type", type);
      span.setStatus({ code: SpanStatusCode.ERROR });
    },
    end: (atMs) => span.end(atMs),
  };
}
