import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { type AdminRole, type OperatorView, type PasswordHash, readPasswordHash } from "@rollcall/contracts";
import { derivePasswordKey, isPasswordOf, isSameSecret, makeBlindHash } from "@rollcall/runtime";
import type { ApiConfig } from "../../config.ts";
import { createTurns } from "./turns.ts";

/** An account that the environment declares. */
export type Account = {
  name: string;
  role: AdminRole;
  source: OperatorView["source"];
  /** Seals the ids of the account's sessions. Another name, role or password gives another key. It is in no table. */
  readKey(): Promise<Buffer>;
  /** A hash of the key, by which Postgres knows the account's sessions. */
  readHash(): Promise<Buffer>;
};

export type Accounts = {
  all: readonly Account[];
  /**
   * The account with this name and password. Whatever is wrong takes the same time.
   *
   * @param caller the address, with which other addresses take turns
   * @param isGone whether the caller still waits for the answer
   */
  check(
    given: { name: string; password: string },
    caller: string,
    isGone: () => boolean,
  ): Promise<Account | "wrong_password" | "unknown_name">;
};

/** A script calls again within this time. A check of scrypt takes 80 ms of one core. */
const rememberMs = 60_000;

type Secret = { account: Account; hash: PasswordHash } | { account: Account; password: string };

/** The accounts of ADMIN_PASSWORD and ADMIN_OPERATORS; none while both are unset. */
export function readAccounts(config: ApiConfig): Accounts {
  const secrets = [...readAdmin(config), ...readOperators(config)];
  const byName = new Map(secrets.map((secret) => [secret.account.name, secret]));
  const hasHashes = secrets.some((secret) => "hash" in secret);
  const turns = createTurns();
  const blind = makeBlindHash();
  const remembered = createMemory();

  /** Without hashes there is nothing to hide, because every comparison takes microseconds. */
  async function spendCheck(
    lane: string,
    password: string,
    caller: string,
    isGone: () => boolean,
  ): Promise<void> {
    if (hasHashes) await turns.take(lane, caller, async () => isGone() || isPasswordOf(blind, password));
  }

  return {
    all: secrets.map(({ account }) => account),
    check: async ({ name, password }, caller, isGone) => {
      const secret = byName.get(name);
      if (!secret) {
        await spendCheck("", password, caller, isGone);
        return "unknown_name";
      }
      if ("password" in secret) {
        if (isSameSecret(password, secret.password)) return secret.account;
        await spendCheck(name, password, caller, isGone);
        return "wrong_password";
      }
      if (remembered.has(name, password)) return secret.account;
      const isRight = await turns.take(name, caller, async () => {
        // An earlier call of the same script may have found the answer meanwhile.
        if (remembered.has(name, password)) return true;
        return !isGone() && isPasswordOf(secret.hash, password);
      });
      if (!isRight) return "wrong_password";
      remembered.add(name, password);
      return secret.account;
    },
  };
}

function readAdmin({ ADMIN_USERNAME: name, ADMIN_PASSWORD: password }: ApiConfig): Secret[] {
  if (password === undefined) return [];
  let key: Promise<Buffer> | undefined;
  const readKey = () => {
    // Slow to derive, so that a cookie does not let its holder guess the password quickly.
    key ??= derivePasswordKey(password, `rollcall admin session ${name}`);
    return key;
  };
  return [{ account: withHash({ name, role: "admin", source: "ADMIN_PASSWORD", readKey }), password }];
}

function readOperators({ ADMIN_OPERATORS: entries = [] }: ApiConfig): Secret[] {
  return entries.flatMap(({ name, role, hash: text }) => {
    const hash = readPasswordHash(text);
    if (!hash) return [];
    // The hash holds 32 bytes that only the password and the salt give, so it is a key itself.
    const key = createHmac("sha256", hash.key)
      .update(`rollcall operator session ${name} ${role} ${text}`)
      .digest();
    return [{ account: withHash({ name, role, source: "ADMIN_OPERATORS", readKey: async () => key }), hash }];
  });
}

function withHash(account: Omit<Account, "readHash">): Account {
  const readHash = async () =>
    createHash("sha256")
      .update(await account.readKey())
      .digest();
  return { ...account, readHash };
}

/** The last right password of each account, for a minute, as a hash with a key that never leaves this process. */
function createMemory() {
  const key = randomBytes(32);
  const digest = (password: string) => createHmac("sha256", key).update(password.normalize("NFC")).digest();
  const last = new Map<string, { digest: Buffer; untilMs: number }>();
  return {
    has: (name: string, password: string) => {
      const found = last.get(name);
      if (!found || found.untilMs < performance.now()) return false;
      return timingSafeEqual(found.digest, digest(password));
    },
    add: (name: string, password: string) =>
      void last.set(name, { digest: digest(password), untilMs: performance.now() + rememberMs }),
  };
}
