import { randomUUID } from "node:crypto";
import { variables, withTimeout } from "@rollcall/contracts";
import { connectRedis, tagOf, writeKey } from "@rollcall/jobs";
import type { Environment } from "../../cli.ts";
import { type Finding, note, ok, unknown, wrong } from "./finding.ts";

const oldestVersion = "6.2.0";
/** Above this share the queues stop accepting jobs, so that workers can still finish theirs. */
const fullestShare = 0.7;
const longestAnswerMs = 5_000;

type Info = ReadonlyMap<string, string>;
/** A server: the only one, or a master of a cluster. */
type Node = { info(): Promise<string>; config(what: "GET", name: string): Promise<unknown> };

/** Checks Redis, which must neither evict nor lose jobs. Without REDIS_URL the queues are on Postgres. */
export async function checkRedis(environment: Environment): Promise<Finding[]> {
  const given = environment["REDIS_URL"]?.trim();
  if (!given) return [note("redis", "REDIS_URL is not set: queues are on Postgres, and there is no cache.")];
  const nodes = variables.REDIS_URL.safeParse(given).data;
  if (!nodes) return [unknown("redis.reachable", "Not checked: REDIS_URL is malformed.")];
  const { client, findRefusal } = connect(nodes);
  const shards = variables.QUEUE_SHARDS.catch(1).parse(environment["QUEUE_SHARDS"]?.trim() || undefined);
  try {
    // A cluster client looks for a node without end.
    await withTimeout(client.ping(), longestAnswerMs);
    const denied = await findDenied(client);
    if (denied.length > 0)
      return [
        wrong("redis.permissions", `Redis refuses ${denied.join(", ")} to this user (NOPERM).`, grantFix),
      ];
    const servers: Node[] = "nodes" in client ? client.nodes("master") : [client];
    return [...(await Promise.all(servers.map(checkServer))).flat(), await checkWritable(client, shards)];
  } catch (error) {
    const fix =
      "Start it, and check host, port, TLS (rediss://; a private CA: NODE_EXTRA_CA_CERTS), user and password in REDIS_URL.";
    const refusal = (nodes.length > 1 ? await askAlone(nodes[0]) : findRefusal()) ?? error;
    const denied = readDenied(error) ?? readDenied(refusal);
    if (denied)
      return [wrong("redis.permissions", `Redis refuses ${denied} to this user (NOPERM).`, grantFix)];
    return [wrong("redis.reachable", `Redis does not answer (${readReason(refusal)}).`, fix)];
  } finally {
    client.disconnect();
  }
}

const grantFix =
  "Grant the commands and keys that docs/DEPLOY.md lists, for example ACL SETUSER <user> +info ~* &*. The password is right.";

/**
 * The command, key or channel that Redis denies to a user. Redis names the command alone; since 7.0 with its subcommand.
 * A name of a key is left out, because an app's key may hold an id.
 */
function readDenied(error: unknown): string | undefined {
  if (!(error instanceof Error) || !error.message.includes("NOPERM")) return undefined;
  const command = /run the '([a-z|_-]+)' command/i.exec(error.message)?.[1];
  if (command) return `the command ${command.toUpperCase().replace("|", " ")}`;
  return error.message.includes("channel") ? "a channel" : "a key";
}

function connect(nodes: readonly string[]) {
  let refusal: Error | undefined;
  // The check of ioredis asks INFO, and prints a warning of its own if the user may not.
  const options = { maxRetriesPerRequest: 1, connectTimeout: 3_000, enableReadyCheck: false };
  const client = connectRedis(nodes, options, (error) => {
    refusal = error;
  });
  return { client, findRefusal: () => refusal };
}

/** The reason why a node of a cluster refuses us. For the whole cluster ioredis says only that no node answered. */
async function askAlone(node = ""): Promise<unknown> {
  const { client, findRefusal } = connect([node]);
  try {
    await withTimeout(client.ping(), longestAnswerMs);
    return undefined;
  } catch (error) {
    return findRefusal() ?? error;
  } finally {
    client.disconnect();
  }
}

/** @param shards as in QUEUE_SHARDS. In a cluster, each may be on another node */
async function checkWritable(client: ReturnType<typeof connectRedis>, shards: number): Promise<Finding> {
  const name = "redis.writable";
  const keys = Array.from({ length: shards }, (_, shard) => `${tagOf(shard)}:write-check`);
  try {
    await withTimeout(Promise.all(keys.map((key) => writeKey(client, key))), longestAnswerMs);
    return ok(name, shards === 1 ? "A write succeeds." : `A write succeeds in each of ${shards} shards.`);
  } catch (error) {
    if (readDenied(error))
      return wrong(
        "redis.permissions",
        "Redis refuses the keys of a shard to this user (NOPERM).",
        "With QUEUE_SHARDS above 1, grant the pattern ~{rollcall* instead of ~{rollcall}*.",
      );
    // The check of the memory names this.
    if (readReason(error) === "OOM") return unknown(name, "Not checked: Redis has no memory left.");
    return wrong(
      name,
      `Redis answers reads and refuses writes (${readReason(error)}).`,
      "Lead REDIS_URL to the primary. READONLY: it is a replica. MISCONF: its disk is full.",
    );
  }
}

/**
 * Every command that queues and session cache use. The script calls each on a key of its own that does not exist, and
 * deletes that key: a refusal is one of the permission, and any other error does not matter.
 */
const probe = `
local key, denied = KEYS[1], {}
for _, line in ipairs(cjson.decode(ARGV[1])) do
  local call = { line[1], key }
  for index = 2, #line do call[index + 1] = line[index] end
  local answer = redis.pcall(unpack(call))
  if type(answer) == 'table' and answer.err and (string.find(answer.err, 'NOPERM') or string.find(answer.err, 'ACL failure')
    or string.find(answer.err, "can't run this command") or string.find(answer.err, 'No permission')) then
    denied[#denied + 1] = string.upper(line[1])
  end
  redis.pcall('del', key)
end
return denied
`;
const probed = [
  ["get"],
  ["set", "1"],
  ["exists"],
  ["incr"],
  ["incrby", "1"],
  ["pttl"],
  ["pexpire", "1"],
  ["persist"],
  ["type"],
  ["unlink"],
  ["hget", "a"],
  ["hset", "a", "1"],
  ["hmget", "a"],
  ["hmset", "a", "1"],
  ["hgetall"],
  ["hdel", "a"],
  ["hexists", "a"],
  ["hincrby", "a", "1"],
  ["hlen"],
  ["lpush", "1"],
  ["rpush", "1"],
  ["lpop"],
  ["rpop"],
  ["llen"],
  ["lrange", "0", "0"],
  ["lrem", "0", "1"],
  ["lindex", "0"],
  ["ltrim", "0", "0"],
  ["lpos", "1"],
  ["zadd", "1", "a"],
  ["zrem", "a"],
  ["zcard"],
  ["zcount", "0", "1"],
  ["zscore", "a"],
  ["zrange", "0", "0"],
  ["zrevrange", "0", "0"],
  ["zrangebyscore", "0", "1"],
  ["zrevrangebyscore", "1", "0"],
  ["zremrangebyscore", "0", "1"],
  ["zremrangebyrank", "0", "0"],
  ["zpopmin"],
  ["sadd", "a"],
  ["srem", "a"],
  ["scard"],
  ["smembers"],
  ["sismember", "a"],
  ["xadd", "*", "a", "1"],
  ["xtrim", "maxlen", "0"],
  ["xlen"],
];

/** @throws the error of Redis if the script itself is not permitted */
async function findDenied(client: ReturnType<typeof connectRedis>): Promise<string[]> {
  const key = `{rollcall}:doctor:${randomUUID()}`;
  const answer = await client.eval(probe, 1, key, JSON.stringify(probed)).catch((error: unknown) => {
    if (readDenied(error)) throw error;
    // A full Redis refuses every write; `redis.memory` says so.
    return [];
  });
  return Array.isArray(answer) ? answer.map((name) => `the command ${name}`) : [];
}

async function checkServer(node: Node): Promise<Finding[]> {
  const info = parseInfo(await node.info());
  // Managed servers often refuse CONFIG.
  const snapshots = await node.config("GET", "save").then(readSetting, () => undefined);
  return [
    ok("redis.reachable", `Redis ${info.get("redis_version")} answers.`),
    checkVersion(info),
    checkPolicy(info),
    checkPersistence(info, snapshots),
    checkMemory(info),
  ];
}

function checkVersion(info: Info): Finding {
  const version = info.get("redis_version") ?? "0";
  return version.localeCompare(oldestVersion, "en", { numeric: true }) >= 0
    ? ok("redis.version", `At least ${oldestVersion}.`)
    : wrong("redis.version", `It is ${version}; BullMQ needs ${oldestVersion}.`, "Upgrade Redis.");
}

function checkPolicy(info: Info): Finding {
  const name = "redis.maxmemory_policy";
  const policy = info.get("maxmemory_policy") ?? "unknown";
  if (policy === "noeviction") return ok(name, "noeviction.");
  return wrong(
    name,
    `It is ${policy}: a full Redis deletes jobs without an error.`,
    "CONFIG SET maxmemory-policy noeviction, and the same in redis.conf or in the provider's settings.",
  );
}

/** @param snapshots the setting `save`; undefined if the server refuses CONFIG */
function checkPersistence(info: Info, snapshots: string | undefined): Finding {
  const name = "redis.persistence";
  const fix = "CONFIG SET appendonly yes, and the same in redis.conf or in the provider's settings.";
  if (info.get("aof_enabled") === "1") return ok(name, "It writes an append-only file.");
  if (snapshots === undefined)
    return unknown(name, "No append-only file; the server does not show its snapshot setting.");
  return snapshots === ""
    ? wrong(
        name,
        "It writes nothing to disk: a restart loses every accepted webhook that is still queued.",
        fix,
      )
    : note(name, "Snapshots only: a crash loses the jobs accepted since the last snapshot.", fix);
}

function checkMemory(info: Info): Finding {
  const name = "redis.memory";
  const [used, limit] = [Number(info.get("used_memory")), Number(info.get("maxmemory"))];
  if (!limit) return note(name, "maxmemory is not set: Redis may grow until the machine has no memory left.");
  const share = Math.round((used / limit) * 100);
  return used / limit <= fullestShare
    ? ok(name, `${share} % of its maxmemory is used.`)
    : wrong(name, `${share} % of its maxmemory is used.`, "Give it more memory, or find out what fills it.");
}

function parseInfo(text: string): Info {
  const pairs = [...text.matchAll(/^(\w+):(.*?)\r?$/gm)];
  return new Map(pairs.map(([, name = "", value = ""]) => [name, value]));
}

function readSetting(answer: unknown): string {
  return Array.isArray(answer) ? String(answer[1] ?? "") : "";
}

/** A code, or the first word of Redis' answer such as NOAUTH. The whole text may name the host. */
function readReason(error: unknown): string {
  if (!(error instanceof Error)) return "no reason";
  if ("code" in error && typeof error.code === "string") return error.code;
  return /^[A-Z]{3,}\b/.exec(error.message)?.[0] ?? "no answer";
}
