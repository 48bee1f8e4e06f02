import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { findFreePort, type RedisServer, startRedis } from "@rollcall/sandbox";
import { Redis } from "ioredis";
import { waitFor } from "./wait-for.ts";

/** Three primaries that share the slots, and a replica of each. */
export type RedisCluster = {
  /** All nodes, as REDIS_URL takes them. */
  url: string;
  /** Ends, without notice, the primary that has a key's slot. @returns resolves when its replica took over */
  failOver(key: string): Promise<void>;
  stop(): Promise<void>;
};

type Node = { server: RedisServer; client: Redis; id: string };

const slots = 16_384;
const primaries = 3;

const settings = {
  "cluster-enabled": "yes",
  // How long a node is silent until the others elect another.
  "cluster-node-timeout": "2000",
  appendonly: "yes",
};

export async function startRedisCluster(binary: string, folder: string): Promise<RedisCluster> {
  const nodes = await Promise.all(
    Array.from({ length: 2 * primaries }, (_, index) => startNode(binary, folder, index)),
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
  for (const { server } of nodes.slice(1))
    await first.client.call("CLUSTER", "MEET", "127.0.0.1", server.port);
  for (const [index, { client }] of nodes.slice(primaries).entries()) {
    // Refused until the nodes know each other.
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
    url: nodes.map(({ server }) => server.url).join(","),
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
    stop: async () => {
      for (const { client } of nodes) client.disconnect();
      await Promise.all(nodes.map(({ server }) => server.stop()));
    },
  };
}

async function startNode(binary: string, folder: string, index: number): Promise<Node> {
  const dir = join(folder, `node-${index}`);
  await mkdir(dir, { recursive: true });
  // Its bus listens 10,000 above its port.
  const port = await findPortWithBus();
  const server = await startRedis({ binary, dir, port, settings });
  const client = new Redis(server.url);
  client.on("error", () => undefined);
  return { server, client, id: String(await client.call("CLUSTER", "MYID")) };
}

async function findPortWithBus(): Promise<number> {
  for (;;) {
    const port = await findFreePort();
    if (port <= 55_535) return port;
  }
}

async function isSettled(client: Redis): Promise<boolean> {
  const info = String(await client.call("CLUSTER", "INFO"));
  const replication = String(await client.info("replication"));
  const isLinked = replication.includes("role:master") || replication.includes("master_link_status:up");
  return (
    info.includes("cluster_state:ok") && info.includes(`cluster_known_nodes:${2 * primaries}`) && isLinked
  );
}
