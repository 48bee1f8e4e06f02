import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { type PasswordHash, writePasswordHash } from "@rollcall/contracts";

/**
 * 32 MB and some 80 ms of one core. Source: the interactive parameters of golang.org/x/crypto/scrypt, 2017. A login and a
 * script need one check now and then, and guesses are limited besides.
 */
const parameters = { cost: 2 ** 15, blockSize: 8, parallelization: 1 } as const;

/** @returns the hash as an entry of ADMIN_OPERATORS has it */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  return writePasswordHash({ ...parameters, salt, key: await deriveKey(password, { ...parameters, salt }) });
}

/** A hash that no password matches: a check against it costs as much as one against an operator's. */
export function makeBlindHash(): PasswordHash {
  return { ...parameters, salt: randomBytes(16), key: randomBytes(32) };
}

export async function isPasswordOf(hash: PasswordHash, password: string): Promise<boolean> {
  return timingSafeEqual(await deriveKey(password, hash), hash.key);
}

/** A key of 32 bytes from which the password can only be guessed slowly. */
export function derivePasswordKey(password: string, purpose: string): Promise<Buffer> {
  return deriveKey(password, { ...parameters, salt: Buffer.from(purpose) });
}

/** Keyboards compose accents in two ways, so the password is compared in one form. */
function deriveKey(
  password: string,
  { cost, blockSize, parallelization, salt }: Omit<PasswordHash, "key">,
): Promise<Buffer> {
  // Node's limit is 32 MB by default, which these parameters just exceed.
  const options = { N: cost, r: blockSize, p: parallelization, maxmem: 256 * cost * blockSize };
  return new Promise((resolve, reject) => {
    scrypt(password.normalize("NFC"), salt, 32, options, (error, key) =>
      error ? reject(error) : resolve(key),
    );
  });
}
