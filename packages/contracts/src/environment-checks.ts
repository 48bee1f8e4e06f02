import { createPublicKey } from "node:crypto";
import { isIP } from "node:net";

/** `scheme://host[:port]`. Schemes other than http and https have no origin in Node's URL. */
const customOrigin = /^(?!https?:)[a-z][a-z0-9+.-]*:\/\/(?:[\w.-]+|\[[0-9a-f:.]+\])(?::(\d{1,5}))?$/i;

/**
 * An origin as browsers, web views and browser extensions send it: `https://app.example.com`, `capacitor://localhost`,
 * `chrome-extension://…`. It has no user, path or slash at the end, and it is compared as text.
 */
export function isOrigin(value: string): boolean {
  if (/^https?:/i.test(value)) return URL.canParse(value) && new URL(value).origin === value;
  const custom = customOrigin.exec(value);
  return custom !== null && isPort(custom[1]);
}

function isPort(port: string | undefined): boolean {
  return port === undefined || (Number(port) > 0 && Number(port) <= 65_535);
}

/** Ports that `fetch` refuses. Source: https://fetch.spec.whatwg.org/#port-blocking */
const blockedPorts = new Set(
  (
    "0 1 7 9 11 13 15 17 19 20 21 22 23 25 37 42 43 53 69 77 79 87 95 101 102 103 104 109 110 111 113 115 117 119 " +
    "123 135 137 139 143 161 179 389 427 465 512 513 514 515 526 530 531 532 540 548 554 556 563 587 601 636 989 990 " +
    "993 995 1719 1720 1723 2049 3659 4045 4190 5060 5061 6000 6566 6665 6666 6667 6668 6669 6679 6697 10080"
  ).split(" "),
);

/**
 * What is wrong with a URL; undefined for a good one. The answer shows no part of the value.
 *
 * A URL of the web must not hold a user or password: `fetch` throws for it with the whole URL in its message.
 */
export function findUrlFault(value: string, protocols: readonly string[]): string | undefined {
  const allowed = protocols.map((protocol) => `${protocol}://`).join(" or ");
  if (!protocols.some((protocol) => value.startsWith(`${protocol}://`))) return `must start with ${allowed}`;
  return protocols.includes("https") ? findWebUrlFault(value) : findDatabaseUrlFault(value);
}

function findWebUrlFault(value: string): string | undefined {
  if (!URL.canParse(value)) return "must be a whole URL with a host";
  const { username, password, port } = new URL(value);
  if (username !== "" || password !== "")
    return "must not hold a user or a password: put a token into the path or the query instead";
  return blockedPorts.has(port)
    ? "must not name a port that fetch refuses, like 0, 1, 25 or 6667"
    : undefined;
}

/** Postgres takes the place of a socket in the host or in the query, so the host may be empty. */
function findDatabaseUrlFault(value: string): string | undefined {
  const readable = value.replace("@/", "@socket/");
  if (URL.canParse(readable) && new URL(readable).hash === "") return undefined;
  return "must be a URL; in user and password, percent-encode every character but letters and digits";
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

/** At least 24 bytes, the least of Standard Webhooks. */
export function isLongWebhookSecret(value: string): boolean {
  return Buffer.from(value.replace(/^whsec_/, ""), "base64").length >= 24;
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
