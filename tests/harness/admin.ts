import type { Answer } from "./calls.ts";
import { adminPassword, type System } from "./system.ts";

/** Calls an admin route as an operator does, with the right password unless `headers` say otherwise. */
export async function callAdmin(
  system: System,
  path: string,
  options: { method?: string; body?: unknown; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const credentials = Buffer.from(`admin:${adminPassword}`).toString("base64");
  const { method = "GET", body, headers } = options;
  const response = await fetch(`${system.apiUrl}${path}`, {
    method,
    headers: {
      authorization: `Basic ${credentials}`,
      "accept-language": "en",
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.includes("json");
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
}

/**
 * All items of a list, page after page. A slow machine ends a page before its limit, also without an item. The cast is
 * not checked: a missing property fails the test.
 */
export async function listAll<Item>(system: System, path: string): Promise<Item[]> {
  const url = new URL(path, system.apiUrl);
  const items: Item[] = [];
  for (;;) {
    const { status, body } = await callAdmin(system, `${url.pathname}${url.search}`);
    if (status !== 200) throw new Error(`${path} answered ${status}: ${JSON.stringify(body)}`);
    const page = body as { items: Item[]; nextCursor: string | null };
    items.push(...page.items);
    if (page.nextCursor === null) return items;
    url.searchParams.set("cursor", page.nextCursor);
  }
}
