import { execFile } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import { type ProcessName, processNames } from "../plan/process-name.ts";
import { type NameServer, startNameServer } from "./name-server.ts";

const run = promisify(execFile);
const ip = (...args: string[]) => run("ip", args);

/** Which packets are lost: those from the process, or those to it. */
export type Direction = "from" | "to";

/** A process in a network namespace of its own, with one cable to this machine and one name server. */
export type Link = {
  /** The process' own address. */
  readonly address: string;
  /** This machine's address on the cable. */
  readonly host: string;
  readonly names: NameServer;
  /** The command that runs `program` in the namespace. It becomes the program, with its pid. */
  command(program: string, args: readonly string[]): [string, string[]];
  /** Loses all packets of a direction, without a word to the sender. */
  cut(direction: Direction): Promise<void>;
  mend(direction: Direction): Promise<void>;
};

export type Network = { links: Readonly<Record<ProcessName, Link>>; close(): Promise<void> };

/**
 * Opens the namespaces. Their cables lose packets by a wrong neighbour entry: the frames go to an address that no device has.
 * That works on every kernel, while netem is a module that many lack.
 *
 * `ip netns exec` puts the namespace's resolv.conf over that of the machine, so programs resolve names as they always do.
 *
 * @returns undefined where namespaces are forbidden, as in many containers
 */
export async function openNetwork(): Promise<Network | undefined> {
  const closers: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const closeOne of closers.splice(0).reverse()) await closeOne().catch(() => undefined);
  };
  try {
    const links = await Promise.all(processNames.map((_, index) => openLink(index, closers)));
    const [api0, api1, worker0, worker1] = links;
    if (!api0 || !api1 || !worker0 || !worker1) throw new Error("A process has no link");
    return { links: { api0, api1, worker0, worker1 }, close };
  } catch {
    await close();
    return undefined;
  }
}

/** The addresses of frames on each cable. */
const [ofHost, ofProcess, ofNone] = ["02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03"] as const;

async function openLink(index: number, closers: (() => Promise<unknown>)[]): Promise<Link> {
  // Two runs at once have different pids.
  const [high, low] = [100 + (Math.floor(process.pid / 250) % 100), process.pid % 250];
  const [host, address] = [1, 2].map((last) => `10.${high}.${low}.${4 * index + last}`) as [string, string];
  const space = `chaos-${process.pid}-${index}`;
  const [near, far] = [`ch${process.pid}h${index}`, `ch${process.pid}n${index}`];
  const folder = `/etc/netns/${space}`;

  closers.push(() => rm(folder, { recursive: true, force: true }));
  await mkdir(folder, { recursive: true });
  await writeFile(`${folder}/resolv.conf`, `nameserver ${host}\n`);
  closers.push(() => ip("netns", "del", space));
  await ip("netns", "add", space);
  closers.push(() => ip("link", "del", near));
  const peer = ["peer", "name", far, "address", ofProcess, "netns", space];
  await ip("link", "add", near, "address", ofHost, "type", "veth", ...peer);
  await ip("addr", "add", `${host}/30`, "dev", near);
  await ip("link", "set", near, "up");
  await ip("-n", space, "addr", "add", `${address}/30`, "dev", far);
  await ip("-n", space, "link", "set", far, "up");
  await ip("-n", space, "link", "set", "lo", "up");
  // Making a namespace may be allowed, and entering it with a file system of its own forbidden.
  await ip("netns", "exec", space, "true");
  const names = await startNameServer(host);
  closers.push(names.close);

  /** Says to which address the frames of a direction go, for good. Nothing is asked on the cable. */
  const direct = async (direction: Direction, mac: string): Promise<void> => {
    const [where, to, device] = direction === "from" ? [["-n", space], host, far] : [[], address, near];
    await ip(...where, "neigh", "replace", to, "dev", device, "lladdr", mac, "nud", "permanent");
  };
  return {
    address,
    host,
    names,
    command: (program, args) => ["ip", ["netns", "exec", space, program, ...args]],
    cut: (direction) => direct(direction, ofNone),
    mend: (direction) => direct(direction, direction === "from" ? ofHost : ofProcess),
  };
}
