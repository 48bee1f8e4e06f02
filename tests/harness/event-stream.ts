import { adminPassword, type System } from "./system.ts";

/** A server-sent event of `GET live`. */
export type StreamEvent = { name: string; id: string | undefined; data: Record<string, unknown> };

export type EventStream = {
  received: StreamEvent[];
  /** Resolves when the server has ended the stream. */
  ended: Promise<void>;
  close(): void;
};

/** Opens `GET live` as a script does. */
export async function openStream(system: System, headers: Record<string, string> = {}): Promise<EventStream> {
  const controller = new AbortController();
  const credentials = Buffer.from(`admin:${adminPassword}`).toString("base64");
  const response = await fetch(`${system.apiUrl}/api/admin/live`, {
    headers: { authorization: `Basic ${credentials}`, ...headers },
    signal: controller.signal,
  });
  if (!response.ok || !response.body) throw new Error(`GET live answered ${response.status}`);
  const received: StreamEvent[] = [];
  return {
    received,
    ended: read(response.body, received).catch(() => undefined),
    close: () => controller.abort(),
  };
}

async function read(body: ReadableStream<Uint8Array>, received: StreamEvent[]): Promise<void> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    received.push(...blocks.flatMap(readBlock));
  }
}

function readBlock(block: string): StreamEvent[] {
  const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(block)?.[1];
  const name = field("event");
  return name === undefined ? [] : [{ name, id: field("id"), data: JSON.parse(field("data") ?? "{}") }];
}
