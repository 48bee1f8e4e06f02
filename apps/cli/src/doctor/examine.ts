import { checkBackend } from "./check-backend.ts";
import { checkClerk } from "./check-clerk.ts";
import { checkEnvironment, checkWebhookSecret } from "./check-environment.ts";
import { checkPostgres } from "./check-postgres.ts";
import { checkRedis } from "./check-redis.ts";
import type { Environment, Finding } from "./finding.ts";

/** Every check, whatever the others find. Changes nothing anywhere, and shows no value of the environment. */
export async function examine(environment: Environment): Promise<Finding[]> {
  const [clerk, postgres, redis, backend] = await Promise.all([
    checkClerk(environment),
    checkPostgres(environment),
    checkRedis(environment),
    checkBackend(environment),
  ]);
  return [
    ...checkEnvironment(environment),
    checkWebhookSecret(environment),
    ...clerk,
    ...postgres,
    ...redis,
    ...backend,
  ];
}
