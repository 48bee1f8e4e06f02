import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";

export type DriverPoolOptions = pg.PoolConfig & {
  /** The longest wait until a connection is free. A server that does not answer fails sooner, by `connectTimeoutMs`. */
  waitTimeoutMs: number;
  /** The longest time in which a new connection must be made. */
  connectTimeoutMs: number;
  /** Called when the server refuses a connection because it grants no more of them; at most once in five seconds. */
  onRefused?: (error: Error) => void;
};

/** How often a connection is tried again that the server refused, and how long the pool stays as small as it was then. */
const retryMs = 100;
const smallForMs = 5_000;
/** A read-only server makes every statement fail, but not every one may replace all connections. */
const renewEveryMs = 5_000;

/**
 * The driver's pool, with two differences. Work waits for a connection while the server grants no more of them. And a
 * connection that leads to a server that refuses writes, such as a demoted primary, is closed: the next one may lead
 * to the new primary, while the old one would refuse every write for as long as it is open.
 */
export class DriverPool extends pg.Pool {
  readonly #most: number;
  readonly #waitTimeoutMs: number;
  readonly #onRefused: (error: Error) => void;
  readonly #madeAtMs = new WeakMap<pg.PoolClient, number>();
  #isSmall = false;
  /** Connections that were made before this time are closed instead of used. */
  #renewedAtMs = 0;

  constructor({ waitTimeoutMs, connectTimeoutMs, onRefused, ...config }: DriverPoolOptions) {
    super({
      ...config,
      // pg-pool has one limit for both waits, and the client has its own for the second.
      connectionTimeoutMillis: waitTimeoutMs,
      Client: class extends pg.Client {
        constructor(given?: pg.ClientConfig) {
          super({ ...given, connectionTimeoutMillis: connectTimeoutMs });
        }
      },
    });
    this.#most = this.options.max;
    this.#waitTimeoutMs = waitTimeoutMs;
    this.#onRefused = onRefused ?? (() => undefined);
    this.on("connect", (client) => {
      // A breaking connection fails its statement and also emits an error, which ends the process without a listener. The
      // code that took the client would listen too late: the server's last message may arrive together with the message
      // that made the client ready, and a promise resolves after both.
      client.on("error", () => undefined);
      this.#madeAtMs.set(client, performance.now());
      this.#watchWrites(client);
    });
  }

  override connect(): Promise<pg.PoolClient>;
  override connect(
    callback: (
      error: Error | undefined,
      client: pg.PoolClient | undefined,
      done: (release?: boolean | Error) => void,
    ) => void,
  ): void;
  override connect(callback?: Parameters<pg.Pool["connect"]>[0]): Promise<pg.PoolClient> | undefined {
    const connected = this.#connect();
    if (!callback) return connected;
    connected.then(
      (client) => callback(undefined, client, client.release),
      (error: Error) => callback(error, undefined, () => undefined),
    );
    return undefined;
  }

  async #connect(): Promise<pg.PoolClient> {
    const deadline = performance.now() + this.#waitTimeoutMs;
    for (;;) {
      try {
        const client = await super.connect();
        if (!this.#isOutdated(client)) return this.#closeOnceOutdated(client);
        client.release(true);
      } catch (error) {
        // While others have a connection, a new one that is not made in time is no reason to fail.
        const isSlow = this.totalCount > 0 && isConnectTimeout(error);
        if (!isSlow && !isRefusal(error)) throw error;
        if (isRefusal(error)) this.#staySmall(error);
        if (performance.now() + retryMs > deadline) throw error;
        await sleep(retryMs);
      }
    }
  }

  /** Opens no further connections for a while. Work then waits for those that the server granted. */
  #staySmall(error: Error): void {
    this.options.max = Math.max(1, Math.min(this.options.max, this.totalCount));
    if (this.#isSmall) return;
    this.#isSmall = true;
    this.#onRefused(error);
    setTimeout(() => {
      this.#isSmall = false;
      this.options.max = this.#most;
    }, smallForMs).unref();
  }

  #watchWrites(client: pg.PoolClient): void {
    // The types lack the connection, whose message is the one place that sees the errors of every kind of statement.
    const { connection } = client as unknown as { connection: NodeJS.EventEmitter };
    connection.on("errorMessage", ({ code }: { code?: string }) => {
      if (code !== readOnlyState) return;
      const nowMs = performance.now();
      this.#madeAtMs.set(client, Number.NEGATIVE_INFINITY);
      if (nowMs - this.#renewedAtMs > renewEveryMs) this.#renewedAtMs = nowMs;
    });
  }

  #isOutdated(client: pg.PoolClient): boolean {
    return (this.#madeAtMs.get(client) ?? 0) < this.#renewedAtMs;
  }

  #closeOnceOutdated(client: pg.PoolClient): pg.PoolClient {
    const { release } = client;
    client.release = (close) => release(close || this.#isOutdated(client));
    return client;
  }
}

/** read_only_sql_transaction: a replica, or `default_transaction_read_only`. */
export const readOnlyState = "25006";

/** The client's own limit for a new connection. The pool's limit for the wait has another message. */
function isConnectTimeout(error: unknown): boolean {
  return error instanceof Error && error.message === "timeout expired";
}

/** too_many_connections, and what poolers send instead: Supabase's XX000, PgBouncer's 08P01. */
function isRefusal(error: unknown): error is Error {
  if (!(error instanceof Error) || !("severity" in error && "code" in error)) return false;
  if (error.severity !== "FATAL" && error.severity !== "ERROR") return false;
  return (
    error.code === "53300" ||
    error.code === "XX000" ||
    (error.code === "08P01" && /max_client_conn|more connections/.test(error.message))
  );
}
