import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";
import { afterAll, expect, test } from "vitest";
import { openNetwork } from "./network.ts";

const network = await openNetwork();
afterAll(() => network?.close());

test.skipIf(!network)(
  `a process in a namespace resolves names, and loses each direction alone${network ? "" : " (skipped: network namespaces are forbidden here)"}`,
  async () => {
    const { host, names, command, cut, mend } = network?.links.api0 ?? fail();
    let received = 0;
    const server = createServer((_, response) => {
      received += 1;
      response.end("answered");
    }).listen(0, host);
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const call = async ({ name = "a.chaos.test", timeoutMs = 60_000 } = {}) => {
      const code = `fetch("http://${name}:${port}", { signal: AbortSignal.timeout(${timeoutMs}) })
        .then((answer) => answer.text()).then(console.log, ({ cause, name }) => console.log(cause?.code ?? name))
        .finally(() => process.exit())`;
      const [program, args] = command(process.execPath, ["-e", code]);
      return (await promisify(execFile)(program, args)).stdout.trim();
    };

    expect(await call()).toBe("answered");
    names.answer("wrong", 0);
    expect(await call()).toBe("ENETUNREACH");
    names.answer("none", 0);
    expect(await call()).toBe("EAI_AGAIN");
    names.answer("right", 0);
    for (const direction of ["from", "to"] as const) {
      await cut(direction);
      // By address, because resolving a name takes ten seconds to fail.
      expect(await call({ name: host, timeoutMs: 1_000 })).toBe("TimeoutError");
      await mend(direction);
    }
    expect(received).toBe(1);
    expect(await call()).toBe("answered");
    server.close();
    server.closeAllConnections();
  },
);

function fail(): never {
  throw new Error("There is no network");
}
