import { findFreePort } from "@rollcall/local-services";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeOnBackends } from "../harness/backends.ts";
import { ensure, readDeadLetters } from "../harness/calls.ts";
import { type RunningProcess, runProcess } from "../harness/process.ts";
import { type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

const processes = 4;
const people = 50;

describeOnBackends((backend) => {
  let system: System;
  let apiUrls: string[];
  const others: RunningProcess[] = [];

  beforeAll(async () => {
    system = await startSystem({ backend });
    apiUrls = [system.apiUrl];
    for (let n = 1; n < processes; n++) {
      const [apiPort, workerPort] = [await findFreePort(), await findFreePort()];
      const environment = { ...system.environment, PORT: String(apiPort), WORKER_PORT: String(workerPort) };
      others.push(runProcess("apps/api/dist/main.js", environment));
      others.push(runProcess("apps/worker/dist/main.js", environment));
      apiUrls.push(`http://127.0.0.1:${apiPort}`);
      for (const port of [apiPort, workerPort]) {
        await waitFor(`port ${port} to be ready`, async () => {
          const answer = await fetch(`http://127.0.0.1:${port}/readyz`);
          return answer.ok ? true : undefined;
        });
      }
    }
  });
  afterAll(async () => {
    await Promise.all(others.map((process) => process.stop()));
    await system?.stop();
  });

  test("200 logins of 50 users over 4 processes at once all succeed, and each user has one profile", async () => {
    // Every fifth user shares an email with the next one. For every second other user an unclaimed profile exists.
    const addresses = Array.from({ length: people }, (_, n) => `p${n % 5 === 1 ? n - 1 : n}@storm.test`);
    const isShared = (address: string) => addresses.indexOf(address) !== addresses.lastIndexOf(address);
    const waiting = addresses.filter((address, n) => n % 2 === 0 && !isShared(address));
    await system.db.query(
      "insert into mentorados (nome_completo, email) select 'Waiting', a from unnest($1::text[]) a",
      [waiting],
    );
    const ids: string[] = [];
    for (const email of addresses)
      ids.push((await system.clerk.users.create({ email }, { silent: true })).id);

    const logins = apiUrls.flatMap((apiUrl, n) => {
      // The batches overlap, in opposite order.
      const order = n % 2 === 0 ? ids : ids.toReversed();
      return order.map(async (id) => {
        await system.clerk.sessions.signIn(id);
        return logIn({ ...system, apiUrl }, id);
      });
    });
    expect(await Promise.all(logins)).toEqual(Array(processes * people).fill(200));

    const rows = await system.db.query(
      `select count(*)::int as users, count(m.id)::int as profiles, count(distinct m.id)::int as different,
              count(*) filter (where m.nome_completo = 'Waiting')::int as linked
       from users u left join mentorados m on m.user_id = u.id`,
    );
    expect(rows.rows).toEqual([
      { users: people, profiles: people, different: people, linked: waiting.length },
    ]);
    expect(await readDeadLetters(system)).toEqual([]);
    for (const { output } of [system.api, system.worker, ...others]) {
      expect(output()).not.toMatch(/40P01/);
      // On a busy machine the simulator may answer too late. The job retries such an attempt.
      const failures = output()
        .split("\n")
        .filter((line) => line.includes("mentorado_creation_failed"));
      expect(failures.filter((line) => !/"code":"clerk\./.test(line))).toEqual([]);
    }
  });
});

/** Logs in as our client does: it calls again while the answer says so. @returns the status of the final answer */
function logIn(system: System, clerkId: string): Promise<number> {
  const ask = async () => {
    const { status, headers } = await ensure(system, clerkId);
    return headers.has("retry-after") ? undefined : status;
  };
  return waitFor(`the login of ${clerkId}`, ask, 100_000);
}
