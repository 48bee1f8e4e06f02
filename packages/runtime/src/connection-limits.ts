import { EnvironmentError } from "@rollcall/contracts";

export type Program = "api" | "worker" | "cli";

/** How many connections to Postgres the pools of one process may open. `queues` is 0 with queues on Redis. */
export type ConnectionLimits = { main: number; queues: number };

type ProgramLimits = {
  /** Without DATABASE_MAX_CONNECTIONS. */
  unset: ConnectionLimits;
  /** With fewer, work of the program would wait for itself. */
  least: ConnectionLimits;
  /** More would never be used. */
  mostMain: number;
};

const programs: Readonly<Record<Program, ProgramLimits>> = {
  api: { unset: { main: 20, queues: 16 }, least: { main: 1, queues: 1 }, mostMain: Number.POSITIVE_INFINITY },
  // Each of the three BullMQ workers keeps one connection for LISTEN, and all of them need another one for statements.
  worker: {
    unset: { main: 10, queues: 16 },
    least: { main: 1, queues: 4 },
    mostMain: Number.POSITIVE_INFINITY,
  },
  // A dry run keeps one connection and needs others.
  cli: { unset: { main: 4, queues: 4 }, least: { main: 1, queues: 1 }, mostMain: 4 },
};

/**
 * Divides DATABASE_MAX_CONNECTIONS among the pools of one process. The pools cannot share connections, because BullMQ's have
 * a search path of their own.
 *
 * @param max DATABASE_MAX_CONNECTIONS
 * @throws EnvironmentError if the program needs more
 */
export function decideConnections(
  program: Program,
  { max, hasRedis }: { max: number | undefined; hasRedis: boolean },
): ConnectionLimits {
  const { unset, least, mostMain } = programs[program];
  if (max === undefined) return { main: unset.main, queues: hasRedis ? 0 : unset.queues };
  const fewest = least.main + (hasRedis ? 0 : least.queues);
  if (max < fewest) {
    throw new EnvironmentError([
      `DATABASE_MAX_CONNECTIONS must be at least ${fewest} for ${program === "cli" ? "the CLI" : `the ${program}`}${hasRedis ? "" : " with queues on Postgres"}`,
    ]);
  }
  if (hasRedis) return { main: Math.min(mostMain, max), queues: 0 };
  const share = Math.round((max * unset.queues) / (unset.main + unset.queues));
  const queues = Math.min(max - least.main, Math.max(least.queues, share));
  return { main: Math.min(mostMain, max - queues), queues };
}
