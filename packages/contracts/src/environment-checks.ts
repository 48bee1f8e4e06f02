import { createPublicKey } from "node:crypto";
import { isIP } from "node:net";

/** An origin as browsers send it: without path and trailing slash. */
export function isOrigin(value: string): boolean {
  return URL.canParse(value) && new URL(value).origin === value;
}

/** The keys of CLERK_JWT_KEY: one PEM block, or several in a row while the key is rotated. */
export function splitPublicKeys(pem: string): string[] {
  return pem.split(/(?<=-----END PUBLIC KEY-----)\s*/).filter((block) => block !== "");
}

/** Public keys as in Clerk's dashboard. They are RSA keys, because Clerk signs with RS256. */
export function areRsaPublicKeys(pem: string): boolean {
  return splitPublicKeys(pem).every(isRsaPublicKey);
}

function isRsaPublicKey(pem: string): boolean {
  // createPublicKey would also take a private key, which must not be here.
  if (!pem.includes("-----BEGIN PUBLIC KEY-----")) return false;
  try {
    return createPublicKey(pem).asymmetricKeyType === "rsa";
  } catch {
    return false;
  }
}

const cronFields = [
  { least: 0, most: 59 },
  { least: 0, most: 23 },
  { least: 1, most: 31 },
  { least: 1, most: 12 },
  { least: 0, most: 7 },
] as const;

/** Five fields of stars, numbers, ranges, lists and steps, without names of months and days. */
export function isCronPattern(value: string): boolean {
  const fields = value.split(/\s+/);
  if (fields.length !== cronFields.length) return false;
  return cronFields.every(({ least, most }, index) =>
    (fields[index] ?? "").split(",").every((part) => isCronPart(part, least, most)),
  );
}

function isCronPart(part: string, least: number, most: number): boolean {
  const match = /^(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:\/[1-9]\d?)?$/.exec(part);
  if (!match) return false;
  const [, from, to] = match;
  const [first, last] = [Number(from ?? least), Number(to ?? from ?? most)];
  return first >= least && last <= most && first <= last;
}

/** `whsec_` and base64. The strict check finds a character that was lost in copying. */
export function isWebhookSecret(value: string): boolean {
  const key = /^whsec_(.+)$/.exec(value)?.[1];
  return key !== undefined && Buffer.from(key, "base64").toString("base64") === key;
}

/** An IP address, or a range like 10.0.0.0/8, with optional blanks. /0 is refused: the setting for every proxy is `true`. */
export function isAddressRange(value: string): boolean {
  const [, address = "", prefix] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(value.trim()) ?? [];
  const longest = { 4: 32, 6: 128 }[isIP(address)];
  if (longest === undefined) return false;
  return prefix === undefined || (Number(prefix) > 0 && Number(prefix) <= longest);
}

/** A URL with a readable user and password. */
export function isRedisUrl(node: string): boolean {
  try {
    readLogin(node);
    return true;
  } catch {
    return false;
  }
}

/** Whether all nodes have one scheme. With mixed schemes, the password would also be sent unencrypted. */
export function areEncryptedAlike(nodes: readonly string[]): boolean {
  return new Set(nodes.map((node) => new URL(node).protocol)).size <= 1;
}

/**
 * Whether the nodes name at most one login. A cluster names further nodes without a login, so with several logins a node
 * could get a password that is not its own. A URL without a login uses the login of the others.
 */
export function haveOneLogin(nodes: readonly string[]): boolean {
  return new Set(nodes.map(readLogin).filter((login) => login !== undefined)).size <= 1;
}

/** User and password; undefined without both. @throws for a string that is no URL or not percent-encoded */
function readLogin(node: string): string | undefined {
  const { username, password } = new URL(node);
  const login = [username, password].map(decodeURIComponent);
  return login.some((part) => part !== "") ? JSON.stringify(login) : undefined;
}
