export type { ClerkUser } from "./clerk/clerk-user.ts";
export type { ClerkSimulator, RemoteClerkSimulator } from "./clerk/control.ts";
export { type ClerkSimulatorOptions, startClerkSimulator } from "./clerk/simulator.ts";
export { findFreePort, PortBusyError } from "./postgres/free-port.ts";
export { removePostgres } from "./postgres/remove-postgres.ts";
export { type PostgresOptions, type PostgresServer, startPostgres } from "./postgres/start-postgres.ts";
export { startTemporaryPostgres } from "./postgres/start-temporary-postgres.ts";
export { findRedisServer } from "./redis/find-redis-server.ts";
export { type RedisOptions, type RedisServer, startRedis } from "./redis/start-redis.ts";
