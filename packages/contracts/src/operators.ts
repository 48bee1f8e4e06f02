import { z } from "zod";
import { type AdminRole, adminRole, adminRoles } from "./access.ts";

/** It stands in the log, the timeline and the console, so it has no character that means something there. */
export const operatorName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, "must have 1 to 64 letters, digits or ._-");

/** Shorter passwords can be guessed, slowed down or not. */
export const shortestPassword = 12;

/** A password as scrypt made it. Source of the names: RFC 7914. */
export type PasswordHash = {
  cost: number;
  blockSize: number;
  parallelization: number;
  salt: Buffer;
  key: Buffer;
};

/** An entry of ADMIN_OPERATORS. */
export type OperatorEntry = { name: string; role: AdminRole; hash: string };

/** With these limits one check takes at most some 130 MB and some seconds, whatever an entry says. */
const leastCost = 2 ** 14;
const mostMemory = 2 ** 27;
const mostParallelization = 8;
const saltBytes = 16;
const keyBytes = 32;

/**
 * `scrypt.cost.blockSize.parallelization.salt.key`, the last two in base64url. No character of it means something to a
 * shell, to Docker Compose or in ADMIN_OPERATORS.
 *
 * @returns undefined for any other text
 */
export function readPasswordHash(text: string): PasswordHash | undefined {
  const match = /^scrypt\.(\d{1,7})\.(\d{1,2})\.(\d)\.([\w-]+)\.([\w-]+)$/.exec(text);
  if (!match) return undefined;
  const [cost, blockSize, parallelization] = match.slice(1, 4).map(Number) as [number, number, number];
  const [salt, key] = match.slice(4).map((part) => Buffer.from(part, "base64url")) as [Buffer, Buffer];
  const isPowerOfTwo = (cost & (cost - 1)) === 0;
  if (!isPowerOfTwo || cost < leastCost || blockSize < 1 || 128 * cost * blockSize > mostMemory)
    return undefined;
  if (parallelization < 1 || parallelization > mostParallelization) return undefined;
  // A key that lost a character matches no password.
  if (salt.length < saltBytes || key.length !== keyBytes) return undefined;
  return { cost, blockSize, parallelization, salt, key };
}

export function writePasswordHash({ cost, blockSize, parallelization, salt, key }: PasswordHash): string {
  return [
    "scrypt",
    cost,
    blockSize,
    parallelization,
    salt.toString("base64url"),
    key.toString("base64url"),
  ].join(".");
}

/** `name:role:hash`, as `rollcall operator` prints it. */
export function writeOperatorEntry({ name, role, hash }: OperatorEntry): string {
  return [name, role, hash].join(":");
}

/** The well-formed entries of ADMIN_OPERATORS, and the faults of the others by their place. */
export function readOperators(parts: readonly string[]): { entries: OperatorEntry[]; problems: string[] } {
  const problems: string[] = [];
  const entries = parts.flatMap((part, index) => {
    const read = readEntry(part);
    if (typeof read !== "string") return [read];
    problems.push(`entry ${index + 1} ${read}`);
    return [];
  });
  // Ana and ana would be two people in the timeline that a reader takes for one.
  const names = parts.map((part) => part.split(":")[0]?.toLowerCase());
  for (const [index, name] of names.entries()) {
    const first = names.indexOf(name);
    if (first !== index) problems.push(`entries ${first + 1} and ${index + 1} have the same name`);
  }
  return { entries, problems };
}

/** @returns the problem as the rest of a sentence, without any part of the value */
function readEntry(part: string): OperatorEntry | string {
  const [name = "", role = "", hash = "", ...more] = part.split(":");
  if (hash === "" || more.length > 0) return "must be name:role:hash, as rollcall operator prints it";
  const faults: string[] = [];
  if (!operatorName.safeParse(name).success) faults.push("needs a name of 1 to 64 letters, digits or ._-");
  const read = adminRole.safeParse(role);
  if (!read.success) faults.push(`needs one of the roles ${adminRoles.join(", ")}`);
  if (!readPasswordHash(hash)) faults.push("has no whole hash as rollcall operator prints it");
  return read.success && faults.length === 0 ? { name, role: read.data, hash } : faults.join("; ");
}
