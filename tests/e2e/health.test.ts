import { setTimeout as sleep } from "node:timers/promises";
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

test("healthz stays 200 while all databases are gone: a restart would mend nothing", async () => {
  await system.postgres.stop("immediate");
  await waitFor("both to be unready", async () => {
    const ready = await Promise.all(urls().map(async (url) => (await fetch(`${url}/readyz`)).status));
    return ready.every((status) => status === 503) ? true : undefined;
  });
  expect(await Promise.all(urls().map(askHealth))).toEqual([200, 200]);
  await system.restartPostgres();
  await system.untilReady();
});

test("readyz answers 503 and names migrations while one is missing, and 200 once it is there", async () => {
  const readiness = () =>
    Promise.all(
      urls().map(async (url) => {
        const answer = await fetch(`${url}/readyz`);
        return { status: answer.status, body: await answer.json() };
      }),
    );
  await migrate(system.environment, ["--down"]);
  const unready = { status: 503, body: { status: "unavailable", degraded: ["migrations"] } };
  expect(await readiness()).toEqual([unready, unready]);
  await migrate(system.environment);
  await system.untilReady();
  expect((await readiness()).map(({ status }) => status)).toEqual([200, 200]);
});

/** Longer than the five seconds that a turn of the event loop may be late, and the second in which it is due. */
const standstillMs = 7_000;
const turns = 7;

test("healthz answers 503 while the event loop hardly moves, and 200 once it turns again", async () => {
  const pids = [system.api, system.worker].map(({ child }) => child.pid ?? 0);
  const answers: number[][] = [];
  for (let turn = 0; turn < turns; turn++) {
    for (const pid of pids) process.kill(pid, "SIGSTOP");
    await sleep(standstillMs);
    for (const pid of pids) process.kill(pid, "SIGCONT");
    answers.push(await Promise.all(urls().map(askHealth)));
  }
  // One long standstill is no reason to be killed; many in a row are.
  expect(answers[0]).toEqual([200, 200]);
  expect(answers.at(-1)).toEqual([503, 503]);
  await waitFor("both to be well", async () =>
    (await Promise.all(urls().map(askHealth))).every((status) => status === 200) ? true : undefined,
  );
});
