import { AsyncLocalStorage } from "node:async_hooks";
import { randomBytes } from "node:crypto";
import type { Attributes, Span, SpanContext, Tracing } from "@rollcall/observability";

export type RecordedSpan = {
  name: string;
  context: SpanContext;
  parent: SpanContext | undefined;
  links: readonly SpanContext[];
  attributes: Attributes;
  hasEnded: boolean;
};

/** Tracing that keeps its spans, all of them sampled. */
export function recordTracing(): { tracing: Tracing; spans: RecordedSpan[] } {
  const storage = new AsyncLocalStorage<Span | undefined>();
  const spans: RecordedSpan[] = [];
  const tracing: Tracing = {
    active: () => storage.getStore(),
    run: (span, work) => storage.run(span, work),
    start: ({ name, attributes = {}, links = [], parent = storage.getStore()?.context }) => {
      const traceId = parent?.traceId ?? randomBytes(16).toString("hex");
      const context = { traceId, spanId: randomBytes(8).toString("hex"), traceFlags: 1 };
      const own: RecordedSpan = {
        name,
        context,
        parent: parent ?? undefined,
        links,
        attributes,
        hasEnded: false,
      };
      spans.push(own);
      return {
        context,
        isRecording: true,
        set: (more) => Object.assign(own, { attributes: { ...own.attributes, ...more } }),
        link: (context) => Object.assign(own, { links: [...own.links, context] }),
        fail: () => undefined,
        end: () => Object.assign(own, { hasEnded: true }),
      };
    },
  };
  return { tracing, spans };
}
