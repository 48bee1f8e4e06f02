import { variables, withTimeout } from "@rollcall/contracts";
import { connectRedis, writeKey } from "@rollcall/jobs";
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
  try {
    // A cluster client looks for a node without end.
    await withTimeout(client.ping(), longestAnswerMs);
    const servers: Node[] = "nodes" in client ? client.nodes("master") : [client];
    return [...(await Promise.all(servers.map(checkServer))).flat(), await checkWritable(client)];
  } catch (error) {
    const fix =
      "Start it, and check host, port, TLS (rediss://; a private CA: NODE_EXTRA_CA_CERTS), user and password in REDIS_URL.";
    const refusal = (nodes.length > 1 ? await askAlone(nodes[0]) : findRefusal()) ?? error;
    return [wrong("redis.reachable", `Redis does not answer (${readReason(refusal)}).`, fix)];
  } finally {
    client.disconnect();
  }
}

function connect(nodes: readonly string[]) {
  let refusal: Error | undefined;
  const client = connectRedis(nodes, { maxRetriesPerRequest: 1, connectTimeout: 3_000 }, (error) => {
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

async function checkWritable(client: ReturnType<typeof connectRedis>): Promise<Finding> {
  const name = "redis.writable";
  try {
    await withTimeout(writeKey(client, "{rollcall}:write-check"), longestAnswerMs);
    return ok(name, "A write succeeds.");
  } catch (error) {
    // The check of the memory names this.
    if (readReason(error) === "OOM") return unknown(name, "Not checked: Redis has no memory left.");
    return wrong(
      name,
      `Redis answers reads and refuses writes (${readReason(error)}).`,
      "Lead REDIS_URL to the primary. READONLY: it is a replica. MISCONF: its disk is full.",
    );
  }
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
