import { describe, inject } from "vitest";

export type Backend = "redis" | "postgres";

/**
 * Declares the tests once for each queue backend. Without a redis-server the Redis half is skipped and says why.
 *
 * @param options.atOnce runs both halves at once, for tests that mostly wait. They must be `test.sequential`
 */
export function describeOnBackends(
  declare: (backend: Backend) => void,
  { atOnce = false }: { atOnce?: boolean } = {},
): void {
  for (const backend of ["redis", "postgres"] as const) {
    const missing = backend === "redis" && !inject("redisBinary");
    const name = `with queues on ${backend}${missing ? " (skipped: no redis-server on PATH)" : ""}`;
    const suite = missing ? describe.skip : atOnce ? describe.concurrent : describe;
    suite(name, () => declare(backend));
  }
}

/** Declares the tests on one backend, on Redis if there is one. It is for guarantees that do not depend on a queue. */
export function describeOnOneBackend(declare: (backend: Backend) => void): void {
  const backend = chooseBackend();
  describe(`with queues on ${backend}`, () => declare(backend));
}

/** Declares tests of Redis itself. Without a redis-server they are skipped and say why. */
export function describeOnRedis(name: string, declare: (redisBinary: string) => void): void {
  const redisBinary = inject("redisBinary");
  const why = redisBinary ? "" : " (skipped: no redis-server on PATH)";
  describe.skipIf(!redisBinary)(`${name}${why}`, () => declare(redisBinary ?? ""));
}

/** Returns the backend of tests that need only one: Redis if there is one. */
export function chooseBackend(): Backend {
  return inject("redisBinary") ? "redis" : "postgres";
}
