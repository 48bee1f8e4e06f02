import { describe, inject } from "vitest";

export type Backend = "redis" | "postgres";

/** Declares the tests once for each queue backend; without a redis-server the Redis half says why it is skipped. */
export function describeOnBackends(declare: (backend: Backend) => void): void {
  for (const backend of ["redis", "postgres"] as const) {
    const missing = backend === "redis" && !inject("redisBinary");
    const name = `with queues on ${backend}${missing ? " (skipped: no redis-server on PATH)" : ""}`;
    describe.skipIf(missing)(name, () => declare(backend));
  }
}

/** Declares the tests on one backend, Redis where there is one: for guarantees that no queue has a part in. */
export function describeOnOneBackend(declare: (backend: Backend) => void): void {
  const backend = chooseBackend();
  describe(`with queues on ${backend}`, () => declare(backend));
}

/** Declares tests of Redis itself; without a redis-server they say why they are skipped. */
export function describeOnRedis(name: string, declare: (redisBinary: string) => void): void {
  const redisBinary = inject("redisBinary");
  const why = redisBinary ? "" : " (skipped: no redis-server on PATH)";
  describe.skipIf(!redisBinary)(`${name}${why}`, () => declare(redisBinary ?? ""));
}

/** For tests that one backend is enough for: Redis where there is one. */
export function chooseBackend(): Backend {
  return inject("redisBinary") ? "redis" : "postgres";
}
