import { createServer } from "node:http";
import { expect, test } from "vitest";
import { nameNetworkFailure } from "./network-failure.ts";

const secret = "kanarienvogel";

async function nameOf(url: string, options: RequestInit = {}): Promise<string> {
  const failure = await fetch(url, options).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(Error);
  return nameNetworkFailure(failure);
}

test("a refused connection and a timeout have different names", async () => {
  const server = createServer(() => undefined);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  const url = `http://127.0.0.1:${port}/${secret}`;
  expect(await nameOf(url, { signal: AbortSignal.timeout(50) })).toBe("TimeoutError");
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  expect(await nameOf(url)).toBe("ECONNREFUSED");
});

test.each([
  `http://user:${secret}@127.0.0.1:2/`,
  `http://127.0.0.1:1/${secret}`,
  `nothing://${secret}`,
  `http://${secret}:x/`,
])("no part of the address is in the name of a failure: %s", async (url) => {
  expect(await nameOf(url)).not.toContain(secret);
});

test("an error that is none, or a cause that is itself, has no name", () => {
  const circle = new Error(secret);
  circle.cause = circle;
  for (const error of [undefined, secret, new Error(secret), circle])
    expect(nameNetworkFailure(error)).toBe("no answer");
});
