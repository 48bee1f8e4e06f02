import { EnvironmentError, variables } from "@rollcall/contracts";
import { countGrantedConnections, countHeldConnections, createPool } from "@rollcall/db";
import { decideConnections } from "@rollcall/runtime";
import type { Environment } from "../../cli.ts";
import { describePostgresFailure } from "../../describe-postgres-failure.ts";
import { type Finding, note, ok, wrong } from "./finding.ts";

const name = "postgres.connections";

/**
 * Opens as many connections as one api and one worker may open together, and closes them again. Run it after the other
 * checks, whose connections would count. Without an answer of Postgres it says nothing, because another check does.
 */
export async function checkConnections(environment: Environment): Promise<Finding[]> {
  const databaseUrl = variables.DATABASE_URL.safeParse(environment["DATABASE_URL"]).data;
  const wanted = readWanted(environment);
  if (databaseUrl === undefined || !wanted) return [];
  try {
    const held = await countHeld(databaseUrl);
    return [compare(wanted, held, await countGrantedConnections(databaseUrl, wanted.api + wanted.worker))];
  } catch {
    return [];
  }
}

async function countHeld(databaseUrl: string): Promise<number> {
  const pool = createPool({
    databaseUrl,
    // It asks nothing about tables.
    checksMapping: false,
    applicationName: "rollcall-doctor",
    max: 1,
    onIdleError: () => undefined,
  });
  try {
    return await countHeldConnections(pool);
  } finally {
    await pool.end();
  }
}

function compare(
  { api, worker }: { api: number; worker: number },
  held: number,
  { opened, refusal }: { opened: number; refusal: unknown },
): Finding {
  // Running processes hold connections that the server granted them.
  const granted = opened === api + worker ? opened : opened + held;
  const says = `Postgres granted ${opened} of ${api + worker} connections${held > 0 ? `, and running processes hold ${held}` : ""}; an api opens up to ${api}, a worker up to ${worker}`;
  if (granted >= api + worker) return ok(name, `${says}.`);
  const reason = refusal === undefined ? "" : ` (${describePostgresFailure(refusal)})`;
  const fix = `Set DATABASE_MAX_CONNECTIONS for api and worker: all processes together must stay below what the server grants, for instance ${Math.floor(granted / 2)} for each.`;
  return granted < Math.max(api, worker)
    ? wrong(name, `${says}${reason}.`, fix)
    : note(name, `${says}: one of each together may be refused${reason}.`, fix);
}

/** What one api and one worker may open; undefined if they would not start. */
function readWanted(environment: Environment): { api: number; worker: number } | undefined {
  const given = environment["DATABASE_MAX_CONNECTIONS"]?.trim() || undefined;
  const max = variables.DATABASE_MAX_CONNECTIONS.safeParse(given);
  if (!max.success) return undefined;
  const options = { max: max.data, hasRedis: Boolean(environment["REDIS_URL"]?.trim()) };
  try {
    const [api, worker] = (["api", "worker"] as const).map((program) => {
      const { main, queues } = decideConnections(program, options);
      return main + queues;
    });
    return api === undefined || worker === undefined ? undefined : { api, worker };
  } catch (error) {
    if (error instanceof EnvironmentError) return undefined;
    throw error;
  }
}
