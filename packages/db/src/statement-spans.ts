import type { SpanOptions } from "@rollcall/observability";
import type { Statement } from "./queryable.ts";

const postgres = { "db.system.name": "postgresql" } as const;

/** The wait for a free connection, or for a new one. */
export const waitForConnection: SpanOptions = { name: "connect", kind: "client", attributes: postgres };

/** Each statement begins with one of these words, after a comment or a space. Anything else is named `statement`. */
const operations =
  /^\s*(?:--.*\n\s*)*(with|select|insert|update|delete|merge|begin|commit|rollback|set|call|lock|create)\b/i;
/** The first table that a statement writes or reads, as `schema.table` or `table`. What `extract` takes a part of is none. */
const target =
  /(?<!\bextract\(\w+ )\b(?:into|update|from|join)\s+(?:only\s+)?((?:"[^"]+"|[a-z_]+)(?:\.(?:"[^"]+"|[a-z_]+))?)/i;

/** Rollcall has fewer statements. Their texts hold no values. */
const mostRemembered = 1_000;

/**
 * Makes a function that describes a statement by its name, else by its operation and first table. The text itself is not
 * sent, because it names the app's columns. Descriptions are remembered, because a statement runs many times.
 */
export function createStatementDescriber(): (statement: string | Statement) => SpanOptions {
  const remembered = new Map<string, SpanOptions>();
  return (statement) => {
    const text = typeof statement === "string" ? statement : statement.text;
    const known = remembered.get(text);
    if (known) return known;
    const described = describe(text, typeof statement === "string" ? undefined : statement.name);
    if (remembered.size < mostRemembered) remembered.set(text, described);
    return described;
  };
}

function describe(text: string, name: string | undefined): SpanOptions {
  const operation = operations.exec(text)?.[1]?.toUpperCase();
  const table = target.exec(text)?.[1]?.replaceAll('"', "");
  const summary = name ?? [operation ?? "statement", ...(table === undefined ? [] : [table])].join(" ");
  return {
    name: summary,
    kind: "client",
    attributes: {
      ...postgres,
      "db.query.summary": summary,
      ...(operation !== undefined && { "db.operation.name": operation }),
    },
  };
}
