export { assertPortFree, findFreePort, PortBusyError } from "./free-port.ts";
export { createDatabase } from "./postgres/create-database.ts";
export { type PostgresOptions, type PostgresServer, startPostgres } from "./postgres/start-postgres.ts";
export { startTemporaryPostgres } from "./postgres/start-temporary-postgres.ts";
export { removePostgres } from "./postgres/stop-postgres.ts";
export { findRedisServer } from "./redis/find-redis-server.ts";
export { type RedisOptions, type RedisServer, startRedis } from "./redis/start-redis.ts";
