/**
 * The page's own trace, where OpenTelemetry's tools for browsers look for it: `<meta name="traceparent" content="00-…">`.
 */
export function readPageTrace(): string | undefined {
  return globalThis.document?.querySelector<HTMLMetaElement>("meta[name=traceparent]")?.content;
}

/** Headers that name the trace. A value of another form would make `fetch` throw, and no trace is worth a login. */
export function traceHeaders(read: () => string | undefined): { traceparent?: string } {
  try {
    const traceparent = read();
    return traceparent && /^[\da-f]{2}(-[\da-f]+)+$/.test(traceparent) ? { traceparent } : {};
  } catch {
    return {};
  }
}
