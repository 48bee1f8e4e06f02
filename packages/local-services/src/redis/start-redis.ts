import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { assertPortFree, findFreePort } from "../free-port.ts";
import { cleanEnvironment, failWithLog, measureLog } from "../server-process.ts";
import { askRedisPid } from "./ask-redis.ts";

export type RedisServer = {
  /** redis://127.0.0.1:port */
  url: string;
  port: number;
  pid: number;
  /** Holds the data and redis.log. */
  dir: string;
  /** Ends the server and waits until it is gone; removes `dir` if startRedis made it. May be called again. */
  stop(): Promise<void>;
};

export type RedisOptions = {
  /** From findRedisServer. */
  binary: string;
  /** A given folder stays after stop(), and the next start finds its data. Default: a temp folder that stop() removes. */
  dir?: string;
  /** Default: any free one. */
  port?: number;
  /** Over ours; `appendonly: "yes"` makes data survive a restart. */
  settings?: Record<string, string>;
};

const startMs = 30_000;
const stopMs = 10_000;

/**
 * Starts a private Redis on loopback for tests and development: noeviction, and no persistence unless `settings` turn it
 * on. Throws PortBusyError for a `port` that is taken, otherwise an Error with the log's path and last lines.
 */
export async function startRedis(options: RedisOptions): Promise<RedisServer> {
  if (options.port !== undefined) await assertPortFree(options.port);
  const port = options.port ?? (await findFreePort());
  const dir = resolve(options.dir ?? (await mkdtemp(join(tmpdir(), `rollcall-redis-${process.pid}-`))));
  await mkdir(dir, { recursive: true });
  const remove = async () => {
    if (options.dir === undefined) await rm(dir, { recursive: true, force: true });
  };
  try {
    const child = await launch(options.binary, dir, port, options.settings ?? {});
    const stop = async () => {
      await end(child);
      await remove();
    };
    return { url: `redis://127.0.0.1:${port}`, port, pid: child.pid ?? 0, dir, stop };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function launch(binary: string, dir: string, port: number, settings: Record<string, string>) {
  const logFile = join(dir, "redis.log");
  const from = await measureLog(logFile);
  const log = await open(logFile, "a", 0o600);
  const merged = { port, bind: "127.0.0.1", dir, save: "", "maxmemory-policy": "noeviction", ...settings };
  const args = Object.entries(merged).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const child = spawn(binary, args, { cwd: dir, env: cleanEnvironment, stdio: ["ignore", log.fd, log.fd] });
  child.unref();
  // An "error" event without a listener would end this process.
  let failure: string | undefined;
  child.once("error", (error) => {
    failure = error.message;
  });
  await log.close();

  const deadlineMs = Date.now() + startMs;
  while (Date.now() < deadlineMs) {
    if ((await askRedisPid(port)) === child.pid && child.pid !== undefined) return child;
    if (hasEnded(child)) failure ??= `it ended with ${child.exitCode ?? child.signalCode}`;
    if (failure !== undefined) break;
    await sleep(20);
  }
  await end(child);
  throw await failWithLog(`Redis did not start: ${failure ?? "no PONG in time"}.`, logFile, from);
}

async function end(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill("SIGTERM");
  // Redis ignores SIGTERM when it cannot save, and a process stopped by SIGSTOP never handles it.
  const force = setTimeout(() => child.kill("SIGKILL"), stopMs);
  await ended;
  clearTimeout(force);
}

function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}
