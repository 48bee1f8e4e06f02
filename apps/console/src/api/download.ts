import { ApiProblem, type Query, readWith } from "./request.ts";

/**
 * Reads a file whole and then saves it. An address that the browser follows by itself would stand in its list of
 * downloads, with the search text; and a file that broke off would look like a whole one.
 *
 * @param onBytes how many bytes arrived so far
 * @param change what is saved instead of the file that arrived
 * @throws ApiProblem
 */
export async function download(
  path: string,
  options: {
    query: Query;
    fileName: string;
    signal: AbortSignal;
    onBytes: (bytes: number) => void;
    change: (file: Blob) => Promise<Blob>;
  },
): Promise<void> {
  const { query, fileName, signal, onBytes, change } = options;
  const file = await readWith(path, { query, signal }, (response) => readFile(response, onBytes));
  const address = URL.createObjectURL(await change(file));
  const link = document.createElement("a");
  link.href = address;
  link.download = fileName;
  link.click();
  // The browser reads the file after the click.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

async function readFile(response: Response, onBytes: (bytes: number) => void): Promise<Blob> {
  let bytes = 0;
  const count = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      bytes += chunk.byteLength;
      onBytes(bytes);
      controller.enqueue(chunk);
    },
  });
  const type = response.headers.get("content-type") ?? "application/octet-stream";
  const body = response.body?.pipeThrough(count) ?? null;
  return new Response(body, { headers: { "content-type": type } }).blob();
}

/** Whether a download was ended by the operator. */
export function isAborted(error: unknown): boolean {
  return !(error instanceof ApiProblem) && error instanceof DOMException && error.name === "AbortError";
}
