import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
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

/** Longer than the time limit of one turn of the event loop: five seconds late after one second of waiting. */
const standstillMs = 7_000;
const turns = 7;

test("healthz answers 503 while the event loop hardly turns, and 200 once it turns again", async () => {
  const pids = [system.api, system.worker].map(({ child }) => child.pid ?? 0);
  const answers: number[][] = [];
  for (let turn = 0; turn < turns; turn++) {
    for (const pid of pids) process.kill(pid, "SIGSTOP");
    await sleep(standstillMs);
    for (const pid of pids) process.kill(pid, "SIGCONT");
    answers.push(await Promise.all(urls().map(askHealth)));
  }
  // One long standstill keeps a process healthy. Many in a row make it unhealthy.
  expect(answers[0]).toEqual([200, 200]);
  expect(answers.at(-1)).toEqual([503, 503]);
  await waitFor("both to be healthy", async () =>
    (await Promise.all(urls().map(askHealth))).every((status) => status === 200) ? true : undefined,
  );
});
