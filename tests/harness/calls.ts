import type { JobQueue, QueueName } from "@rollcall/jobs";
import { openQueueBackend } from "@rollcall/runtime";
import { origin, type System } from "./system.ts";
import { waitFor } from "./wait-for.ts";

export type Answer = { status: number; headers: Headers; body: unknown };

/** Posts a body as Svix does, signed now unless `headers` say otherwise. */
export async function postWebhook(
  system: System,
  body: string | Buffer,
  headers: Record<string, string | undefined> = {},
): Promise<Answer> {
  const signed = await system.clerk.webhooks.sign(body.toString());
  const all = { "content-type": "application/json", ...signed, ...headers };
  const sent = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return toAnswer(
    await fetch(`${system.apiUrl}/api/webhooks/clerk`, { method: "POST", body, headers: sent }),
  );
}

/** Calls ensure with a token for `clerkId`, or with the given headers. */
export async function ensure(
  system: System,
  clerkId: string,
  options: { headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  const token = await system.clerk.sessions.mintToken({ userId: clerkId, azp: origin });
  return callEnsure(system, { authorization: `Bearer ${token}`, ...options.headers }, options.body);
}

/**
 * The same as an app calls it: again while the answer is 202. A busy machine may take longer for the rows than the two
 * seconds for which one call waits.
 */
export function ensureAgain(...call: Parameters<typeof ensure>): Promise<Answer> {
  const ask = async () => {
    const answer = await ensure(...call);
    return answer.status === 202 ? undefined : answer;
  };
  return waitFor(`an answer of ensure for ${call[1]}`, ask, 60_000);
}

export async function callEnsure(
  system: System,
  headers: Record<string, string>,
  body?: string,
): Promise<Answer> {
  const withBody = body === undefined ? {} : { body };
  return toAnswer(await fetch(`${system.apiUrl}/api/ensure`, { method: "POST", headers, ...withBody }));
}

async function toAnswer(response: Response): Promise<Answer> {
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text === "" ? undefined : JSON.parse(text),
  };
}

export type Rows = { users: Record<string, unknown>[]; mentorados: Record<string, unknown>[] };

/** The rows of one user, as they are now. */
export async function readRows(system: System, clerkId: string): Promise<Rows> {
  // Profiles are read first. A profile always has a user, but a row may appear between the two statements.
  const mentorados = await system.db.query(
    "select m.* from mentorados m join users u on u.id = m.user_id where u.clerk_id = $1",
    [clerkId],
  );
  const users = await system.db.query("select * from users where clerk_id = $1", [clerkId]);
  return { users: users.rows, mentorados: mentorados.rows };
}

export function untilProfile(system: System, clerkId: string, timeoutMs?: number): Promise<Rows> {
  const ask = async () => {
    const rows = await readRows(system, clerkId);
    return rows.mentorados.length > 0 ? rows : undefined;
  };
  return waitFor(`a profile for ${clerkId}`, ask, timeoutMs);
}

/** Opens a queue, or one of its shards, on a connection of its own, calls `use`, and closes it. */
export async function withQueue<T>(
  system: System,
  name: QueueName,
  use: (queue: JobQueue) => Promise<T>,
  shard = 0,
): Promise<T> {
  const backend = openQueueBackend({
    redisNodes: system.redis && [system.redis.url],
    databaseUrl: system.postgres.url,
    onError: () => undefined,
  });
  const queue = backend.createQueue(name, shard);
  try {
    await queue.waitUntilReady();
    return await use(queue);
  } finally {
    await queue.close();
    await backend.close();
  }
}

export type QueueCounts = Record<"waiting" | "active" | "delayed" | "completed" | "failed", number>;

export function readQueueCounts(system: System, name: QueueName): Promise<QueueCounts> {
  return withQueue(system, name, async (queue) => {
    const { waiting = 0, active = 0, delayed = 0, completed = 0, failed = 0 } = await queue.getJobCounts();
    return { waiting, active, delayed, completed, failed };
  });
}

/** Waits until no job is left. A test can see the commit of a job before the job drops the cache entry. */
export function untilIdle(system: System, name: QueueName): Promise<true> {
  return waitFor(`queue ${name} to be idle`, async () => {
    const { waiting, active, delayed } = await readQueueCounts(system, name);
    return waiting + active + delayed === 0 ? true : undefined;
  });
}

/** The dead letters as JSON text, so that a test can also check for text that they must not contain. */
export function readDeadLetters(system: System): Promise<string[]> {
  return withQueue(system, "dead-letter", async (queue) =>
    (await queue.getJobs(["waiting"])).map((job) => JSON.stringify(job.data)),
  );
}

/** Waits until a user's job has used up its attempts, and returns its dead letter as JSON text. */
export function untilDeadLetter(system: System, clerkId: string): Promise<string> {
  return withQueue(system, "dead-letter", (letters) =>
    hastenUntil(system, [clerkId], `a dead letter of ${clerkId}`, async () => {
      const found = (await letters.getJobs(["waiting"])).map((job) => JSON.stringify(job.data));
      return found.find((letter) => letter.includes(clerkId));
    }),
  );
}

/**
 * Waits as `waitFor` does. Meanwhile retries of the users' jobs run at once, instead of after up to 30 seconds. Other tests
 * cover the delays.
 */
export function hastenUntil<T>(
  system: System,
  clerkIds: readonly string[],
  what: string,
  ask: () => Promise<T | undefined>,
): Promise<T> {
  const hastenAndAsk = (queues: readonly JobQueue[]) => async () => {
    for (const queue of queues) await hastenRetries(queue, clerkIds);
    return ask();
  };
  return withQueue(system, "ensure", (logins) =>
    withQueue(system, "sync", (changes) => waitFor(what, hastenAndAsk([logins, changes]), 120_000)),
  );
}

async function hastenRetries(queue: JobQueue, clerkIds: readonly string[]): Promise<void> {
  for (const job of await queue.getJobs(["delayed"])) {
    const payload = JSON.stringify(job.data);
    // A worker may take the job at the same moment.
    if (clerkIds.some((id) => payload.includes(id))) await job.promote().catch(() => undefined);
  }
}
