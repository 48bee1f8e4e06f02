import { once } from "node:events";
import { createServer } from "node:http";
import { findFreePort } from "@rollcall/local-services";

/** An OpenTelemetry collector on this machine that receives everything and keeps nothing. */
export type Collector = { url: string; received(): number; close(): void };

export async function startCollector(): Promise<Collector> {
  let received = 0;
  const server = createServer((request, response) =>
    request.resume().on("end", () => {
      received += 1;
      response.end();
    }),
  );
  const port = await findFreePort();
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${port}`,
    received: () => received,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
