import http from "node:http";

export type HttpAnswer = { status: number; text: string };

/**
 * Sends one request on a connection of its own. A dying server may close a kept-alive connection at any moment, and that
 * error would look like a fault of the server.
 *
 * @throws Error if no answer comes
 */
export function callHttp(
  url: string,
  options: { method?: string; headers?: Record<string, string>; body?: string; timeoutMs: number },
): Promise<HttpAnswer> {
  const { method = "GET", headers = {}, body, timeoutMs } = options;
  return new Promise((resolve, reject) => {
    const request = http.request(url, {
      method,
      headers,
      agent: false,
      signal: AbortSignal.timeout(timeoutMs),
    });
    request.once("error", reject);
    request.once("response", (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.once("error", reject);
      response.once("end", () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") }),
      );
    });
    request.end(body);
  });
}
