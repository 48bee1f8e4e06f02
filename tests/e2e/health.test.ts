import { afterAll, beforeAll, expect, test } from "vitest";
import { migrate } from "../harness/migrate.ts";
import { type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

let system: System;
beforeAll(async () => {
  system = await startSystem({ backend: "postgres" });
});
afterAll(() => system?.stop());

const urls = () => [system.apiUrl, system.workerUrl];

async function askHealth(url: string): Promise<number> {
  return (await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(20_000) })).status;
}

test("healthz stays 200 while all databases are gone, because a restart would not help", async () => {
  await system.postgres.stop("immediate");
  await waitFor("both to be unready", async () => {
    const ready = await Promise.all(urls().map(async (url) => (await fetch(`${url}/readyz`)).status));
    return ready.every((status) => status === 503) ? true : undefined;
  });
  expect(await Promise.all(urls().map(askHealth))).toEqual([200, 200]);
  await system.restartPostgres();
  await system.untilReady();
});

test("readyz answers 503 and names migrations while one is missing, and 200 once it is applied", async () => {
  const readiness = () =>
    Promise.all(
      urls().map(async (url) => {
        const answer = await fetch(`${url}/readyz`);
        return { status: answer.status, body: await answer.json() };
      }),
    );
  await migrate(system.environment, ["--down"]);
  const unready = { status: 503, body: { status: "unavailable", degraded: ["migrations"] } };
  // One answer is shared for a second, so the first one may be from before.
  const answers = await waitFor("both processes to be unready", async () => {
    const found = await readiness();
    return found.every(({ status }) => status === 503) ? found : undefined;
  });
  expect(answers).toEqual([unready, unready]);
  await migrate(system.environment);
  await system.untilReady();
  expect((await readiness()).map(({ status }) => status)).toEqual([200, 200]);
});
