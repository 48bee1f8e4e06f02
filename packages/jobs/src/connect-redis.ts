import { Cluster, type ClusterOptions, type Redis, type RedisOptions } from "ioredis";
import { GatheringRedis } from "./gathering-redis.ts";

/** Without the one generic option that would make the client's type depend on it. */
export type ConnectOptions = Omit<RedisOptions, "replyMapping">;

/** Reconnecting within a second keeps "used again when it is back" true without a restart. */
export const retryStrategy = (attempt: number) => Math.min(attempt * 100, 1_000);

/**
 * A command timeout fails the command and keeps the connection, so a half-open one would fail every command
 * for ever. This drops a connection that leaves a command unanswered; an idle one is left alone.
 */
const defaultOptions: ConnectOptions = { socketTimeout: 5_000 };

/**
 * A client for one node, or for a cluster. Its errors go to `onError`: ioredis reconnects by itself.
 *
 * @param nodes as REDIS_URL has them: URLs of one scheme, and of one user and password where they name any
 */
export function connectRedis(
  nodes: readonly string[],
  wishes: ConnectOptions,
  onError: (error: Error) => void,
): Redis | Cluster {
  const options = { ...defaultOptions, ...wishes };
  const [first = "", ...others] = nodes;
  const client =
    others.length === 0
      ? new GatheringRedis(first, options)
      : new Cluster([...nodes], decideClusterOptions(nodes, options));
  client.on("error", onError);
  return client;
}

/**
 * The URLs only say where to begin: a cluster names its nodes itself, by other addresses perhaps, and ioredis takes
 * from a URL neither TLS nor, for a node that no URL names, user and password. So they are options of every node.
 */
function decideClusterOptions(nodes: readonly string[], options: ConnectOptions) {
  const urls = nodes.map((node) => new URL(node));
  const login = urls.find(({ username, password }) => username !== "" || password !== "");
  const isEncrypted = urls.some(({ protocol }) => protocol === "rediss:");
  return {
    redisOptions: {
      ...options,
      ...(login && {
        username: decodeURIComponent(login.username),
        password: decodeURIComponent(login.password),
      }),
      ...(isEncrypted && { tls: {} }),
    },
    // An address in place of a host's name would be held against a certificate that names the host.
    dnsLookup: (hostname, callback) => callback(null, hostname),
    enableOfflineQueue: options.enableOfflineQueue ?? true,
    clusterRetryStrategy: retryStrategy,
  } satisfies ClusterOptions;
}
