import { setTimeout as sleep } from "node:timers/promises";
import { waitFor } from "../../../tests/harness/wait-for.ts";
import { withClient } from "../../stage/postgres.ts";
import type { Right } from "../plan/outer-faults.ts";
import type { Stage } from "../stage/stage.ts";

/** The statements' end: what a role may do, on what. */
function describeRight({ app }: Pick<Stage, "app">, right: Right): { what: string; role: string } {
  const { users } = app.names;
  switch (right) {
    case "worker writes users":
      return { what: `insert, update on ${users.table}`, role: "rollcall_worker" };
    case "worker reads users":
      return { what: `select on ${users.table}`, role: "rollcall_worker" };
    case "api reads users":
      return { what: `select on ${users.table}`, role: "rollcall_api" };
    case "worker uses schema":
      return { what: "usage on schema rollcall", role: "rollcall_worker" };
    case "queues":
      return { what: "usage on schema bullmq", role: "rollcall_api, rollcall_worker" };
    default:
      return right satisfies never;
  }
}

/** Takes a right from a role and gives it back, as a deploy does that drops and makes grants again. */
export async function revokeRight(stage: Stage, right: Right, forMs: number): Promise<void> {
  const { what, role } = describeRight(stage, right);
  const run = (statement: string) => withClient(stage.databaseUrl, (client) => client.query(statement));
  await run(`revoke ${what} from ${role}`);
  await sleep(forMs);
  // Postgres may be down at this moment.
  await waitFor(`the right: ${right}`, async () => (await run(`grant ${what} to ${role}`)) && true);
}
