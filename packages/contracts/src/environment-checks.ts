import { createPublicKey } from "node:crypto";
import { isIP } from "node:net";

/** An origin as browsers send it: no path, no slash at the end. */
export function isOrigin(value: string): boolean {
  return URL.canParse(value) && new URL(value).origin === value;
}

/** An RSA public key as Clerk's dashboard shows it; RSA, because Clerk signs with RS256. */
export function isRsaPublicKey(pem: string): boolean {
  // A private key would be read as well, and has no business here.
  if (!pem.includes("-----BEGIN PUBLIC KEY-----")) return false;
  try {
    return createPublicKey(pem).asymmetricKeyType === "rsa";
  } catch {
    return false;
  }
}

/** `whsec_` and the key's bytes; one character lost in copying makes it another key, or none. */
export function isWebhookSecret(value: string): boolean {
  const key = /^whsec_(.+)$/.exec(value)?.[1];
  return key !== undefined && Buffer.from(key, "base64").toString("base64") === key;
}

/** An IP address, or a range like 10.0.0.0/8, blanks around it allowed. The empty prefix would be everybody, which `true` says. */
export function isAddressRange(value: string): boolean {
  const [, address = "", prefix] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(value.trim()) ?? [];
  const longest = { 4: 32, 6: 128 }[isIP(address)];
  if (longest === undefined) return false;
  return prefix === undefined || (Number(prefix) > 0 && Number(prefix) <= longest);
}
