import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { findFreePort, type RedisServer, startRedis } from "@rollcall/local-services";
import { Redis } from "ioredis";
import type { Certificates } from "./certificates.ts";
import { waitFor } from "./wait-for.ts";

/** Three primaries that share the slots, and a replica of each, with a password. */
export type RedisCluster = {
  /** All nodes in the form of REDIS_URL, under another host name than the one that the nodes announce. */
  url: string;
  /** Kills the primary that holds a key's slot. @returns resolves when its replica has taken over */
  failOver(key: string): Promise<void>;
  /** The keys of a pattern that each node holds which began as a primary. */
  listKeys(pattern: string): Promise<string[][]>;
  stop(): Promise<void>;
};

type Node = { server: RedisServer; busPort: number; client: Redis; id: string };

const slots = 16_384;
const primaries = 3;
/** A URL has to percent-encode this password. */
const password = "cluster's p@ss:w/rd";

const settings = {
  "cluster-enabled": "yes",
  // After this many milliseconds without an answer of a primary, the other nodes elect its replica.
  "cluster-node-timeout": "2000",
  appendonly: "yes",
};

/** @param certificates with them the cluster speaks only TLS, also between its nodes */
export async function startRedisCluster(
  binary: string,
  folder: string,
  certificates?: Certificates,
): Promise<RedisCluster> {
  const nodes = await Promise.all(
    Array.from({ length: 2 * primaries }, (_, index) =>
      startNode(binary, join(folder, `node-${index}`), certificates),
    ),
  );
  const [first] = nodes;
  if (!first) throw new Error("There is no node");
  const share = Math.ceil(slots / primaries);
  await Promise.all(
    nodes
      .slice(0, primaries)
      .map(({ client }, index) =>
        client.call("CLUSTER", "ADDSLOTSRANGE", index * share, Math.min(slots, (index + 1) * share) - 1),
      ),
  );
  for (const { server, busPort } of nodes.slice(1))
    await first.client.call("CLUSTER", "MEET", "127.0.0.1", server.port, busPort);
  for (const [index, { client }] of nodes.slice(primaries).entries()) {
    // The command is refused until the nodes know each other.
    await waitFor("a replica to know its primary", async () => {
      await client.call("CLUSTER", "REPLICATE", nodes[index]?.id ?? "");
      return true;
    });
  }
  await waitFor("the cluster", async () => {
    const states = await Promise.all(nodes.map(({ client }) => isSettled(client)));
    return states.every(Boolean) ? true : undefined;
  });
  return {
    url: nodes.map(({ server }) => urlOf(server.port, certificates)).join(","),
    failOver: async (key) => {
      const slot = Number(await first.client.call("CLUSTER", "KEYSLOT", key));
      const index = Math.floor(slot / share);
      const replica = nodes[index + primaries];
      const { server } = nodes[index] ?? first;
      process.kill(server.pid, "SIGKILL");
      await waitFor("the replica to take over", async () =>
        String(await replica?.client.call("ROLE")).startsWith("master") ? true : undefined,
      );
    },
    listKeys: (pattern) => Promise.all(nodes.slice(0, primaries).map(({ client }) => client.keys(pattern))),
    stop: async () => {
      for (const { client } of nodes) client.disconnect();
      await Promise.all(nodes.map(({ server }) => server.stop()));
    },
  };
}

function urlOf(port: number, certificates: Certificates | undefined): string {
  return `${certificates ? "rediss" : "redis"}://:${encodeURIComponent(password)}@localhost:${port}`;
}

async function startNode(binary: string, dir: string, certificates: Certificates | undefined): Promise<Node> {
  await mkdir(dir, { recursive: true });
  const port = await findFreePort();
  // Without a setting the bus listens 10,000 above the port, where another program may be.
  const busPort = await findFreePort();
  const busSettings = { ...settings, "cluster-port": String(busPort) };
  const server = await startRedis({ binary, dir, port, settings: busSettings });
  const address = { host: "127.0.0.1", port };
  const setup = new Redis(address);
  if (certificates) await encrypt(setup, port, certificates);
  // The password comes after the start, because `startRedis` checks without one that the server is up.
  await setup.config("SET", "masterauth", password, "requirepass", password);
  setup.disconnect();
  const tls = certificates && { tls: { ca: await readFile(certificates.ca) } };
  const client = new Redis({ ...address, password, ...tls });
  client.on("error", () => undefined);
  return { server, busPort, client, id: String(await client.call("CLUSTER", "MYID")) };
}

/** Makes the node accept only TLS on the same port. */
async function encrypt(setup: Redis, port: number, { ca, cert, key }: Certificates): Promise<void> {
  const files = { "tls-cert-file": cert, "tls-key-file": key, "tls-ca-cert-file": ca };
  await setup.config("SET", "tls-auth-clients", "no", ...Object.entries(files).flat());
  await setup.config("SET", "tls-replication", "yes", "tls-cluster", "yes");
  await setup.config("SET", "port", 0);
  await setup.config("SET", "tls-port", port);
}

async function isSettled(client: Redis): Promise<boolean> {
  const info = String(await client.call("CLUSTER", "INFO"));
  const replication = String(await client.info("replication"));
  const isLinked = replication.includes("role:master") || replication.includes("master_link_status:up");
  return (
    info.includes("cluster_state:ok") && info.includes(`cluster_known_nodes:${2 * primaries}`) && isLinked
  );
}
