import { Cluster, type ClusterOptions, Redis, type RedisOptions } from "ioredis";

/** Without the option that makes the client's type generic. */
export type ConnectOptions = Omit<RedisOptions, "replyMapping">;

/** At most a second, so that a Redis that is back is used again soon, without a restart. */
export const retryStrategy = (attempt: number) => Math.min(attempt * 100, 1_000);

/**
 * Drops a connection that leaves a command unanswered; an idle one stays. A command timeout alone keeps the connection, so
 * a half-open one would fail every command for ever.
 */
const defaultOptions: ConnectOptions = {
  socketTimeout: 5_000,
  // After a failover an old connection may still lead to the demoted primary, which answers reads and refuses every write.
  // A new connection leads to the new primary. The refused command fails: sent again, it might leave its transaction.
  reconnectOnError: (error) => /\b(READONLY|MASTERDOWN)\b/.test(error.message),
};

const writeEveryMs = 1_000;

/**
 * Writes a key every second, so that a connection that leads to a demoted primary is replaced before a webhook or a login
 * meets it. A connection that only reads would stay there for ever.
 *
 * @returns stops it
 */
export function stayOnPrimary(redis: Redis | Cluster, key: string): () => void {
  const timer = setInterval(() => {
    // The client reconnects by itself, and a command that waits for it would only pile up.
    if (redis.status === "ready") writeKey(redis, key).catch(() => undefined);
  }, writeEveryMs);
  timer.unref();
  return () => clearInterval(timer);
}

/** Writes a key that ends by itself. Rejects on a demoted primary and without memory. */
export async function writeKey(redis: Redis | Cluster, key: string): Promise<void> {
  await redis.set(key, "1", "EX", 60);
}

/**
 * Connects to one node, or to a cluster. Errors go to `onError`; ioredis reconnects by itself.
 *
 * @param nodes as in REDIS_URL: URLs of one scheme, with at most one user and password
 */
export function connectRedis(
  nodes: readonly string[],
  chosen: ConnectOptions,
  onError: (error: Error) => void,
): Redis | Cluster {
  const options = { ...defaultOptions, ...chosen };
  const [first = "", ...others] = nodes;
  const client =
    others.length === 0
      ? new BatchingRedis(first, options)
      : new Cluster([...nodes], decideClusterOptions(nodes, options));
  client.on("error", onError);
  return client;
}

/**
 * The URLs are only the first nodes to ask. A cluster names its nodes itself, perhaps by other addresses. ioredis takes TLS
 * from no URL, and gives user and password only to a node that a URL names. So all three are options of every node.
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
    // Keeps the host's name, which TLS compares with the certificate.
    dnsLookup: (hostname, callback) => callback(null, hostname),
    enableOfflineQueue: options.enableOfflineQueue ?? true,
    clusterRetryStrategy: retryStrategy,
  } satisfies ClusterOptions;
}

/**
 * Sends all commands of one turn of the event loop to the socket at once. By default ioredis makes a system call for each
 * command, which under load is a tenth or more of the cost of accepting a webhook. Unlike ioredis' own pipelining, this
 * only moves bytes: each command keeps its own answer, error and timeout.
 */
export class BatchingRedis extends Redis {
  override sendCommand(...[command, stream]: Parameters<Redis["sendCommand"]>): unknown {
    batchWrites(this.stream);
    return super.sendCommand(command, stream);
  }
}

/** @param stream undefined while there is no connection */
function batchWrites(stream: Redis["stream"] | undefined): void {
  if (!stream || stream.writableCorked > 0 || !stream.writable) return;
  stream.cork();
  // Runs after every command that was caused by the same input, and before more input can arrive.
  setImmediate(() => stream.uncork());
}
