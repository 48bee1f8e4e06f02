import { BlockList, isIP } from "node:net";
import type { FastifyRequest } from "fastify";

type Ip = { address: string; family: "ipv4" | "ipv6" };

/**
 * The caller's address as limits count it: IPv4 whole, IPv6 by /64, because one host has a whole /64. Every way to write
 * an address gives one key: ports, brackets, zones, upper case, and IPv4 inside IPv6 (`::ffff:1.2.3.4`).
 */
export function readAddressKey(request: FastifyRequest): string {
  const key = toAddressKey(request.ip) ?? toAddressKey(request.socket.remoteAddress ?? "");
  // A proxy may write `unknown`, or a name of its own. Such callers share one limit.
  return key ?? "unknown";
}

/** Undefined for a text that is no address. */
export function toAddressKey(text: string): string | undefined {
  const ip = readIp(text);
  if (!ip) return undefined;
  if (ip.family === "ipv4") return ip.address;
  const network = readGroups(ip.address).slice(0, 4);
  return `${network.map((group) => group.toString(16)).join(":")}::/64`;
}

/**
 * Reads TRUST_PROXY for Fastify. `true` trusts every proxy; a list trusts these addresses or ranges. Fastify's own list
 * does not know a proxy whose entry has a port or brackets, and would take that proxy for the caller.
 */
export function readTrustProxy(value: string | undefined): boolean | ((address: string) => boolean) {
  if (value === undefined || value === "false") return false;
  if (value === "true") return true;
  // One list for each family: a list of both would find every IPv4 address in `::/80`.
  const trusted = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const part of value.split(",")) addRange(trusted, part.trim());
  return (address) => {
    const ip = readIp(address);
    return ip !== undefined && trusted[ip.family].check(ip.address, ip.family);
  };
}

/** Whether the address is of this machine. */
export function isLoopback(address: string): boolean {
  const ip = readIp(address);
  return ip !== undefined && (ip.family === "ipv4" ? ip.address.startsWith("127.") : ip.address === "::1");
}

function addRange(trusted: Record<Ip["family"], BlockList>, range: string): void {
  const [text = "", length] = range.split("/");
  const ip = readIp(text);
  if (!ip) return;
  if (length === undefined) {
    trusted[ip.family].addAddress(ip.address, ip.family);
    return;
  }
  // A range of IPv4 inside IPv6 counts its bits from the start of the IPv6 address. One that holds all of IPv4 trusts none.
  const bits = Number(length) - (ip.family === "ipv4" && isIP(text) === 6 ? 96 : 0);
  if (bits > 0) trusted[ip.family].addSubnet(ip.address, bits, ip.family);
}

/** Reads the forms in which gateways write an address. IPv4 inside IPv6 becomes IPv4. */
function readIp(text: string): Ip | undefined {
  const bare = text.trim().replaceAll('"', "");
  const inBrackets = /^\[([^\]]+)\](?::\d+)?$/.exec(bare)?.[1];
  const candidates = [inBrackets ?? bare, /^(.+):\d+$/.exec(bare)?.[1] ?? ""];
  const found = candidates.map((one) => one.replace(/%.*$/, "")).find((one) => isIP(one) !== 0);
  if (found === undefined) return undefined;
  if (isIP(found) === 4) return { address: found, family: "ipv4" };
  // A URL has one form for each IPv6 address.
  const address = new URL(`http://[${found}]`).hostname.slice(1, -1);
  const [a, b, c, d, e, marker, high = 0, low = 0] = readGroups(address);
  if ([a, b, c, d, e].some((group) => group !== 0) || marker !== 0xffff) return { address, family: "ipv6" };
  return { address: [high >> 8, high & 255, low >> 8, low & 255].join("."), family: "ipv4" };
}

/** The eight groups of an IPv6 address as a URL writes it. */
function readGroups(address: string): number[] {
  const [left = [], right = []] = address
    .split("::")
    .map((side) => (side === "" ? [] : side.split(":").map((group) => Number.parseInt(group, 16))));
  return [...left, ...Array<number>(8 - left.length - right.length).fill(0), ...right];
}
