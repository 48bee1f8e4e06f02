import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Account } from "./accounts.ts";

/** With the prefix, a browser takes the cookie only over TLS and from this host itself. */
const names = { plain: "rollcall_session", secure: "__Host-rollcall_session" } as const;

/** As long as Postgres keeps the session. */
const maxAgeS = 24 * 60 * 60;

/** What a cookie of ours says. Postgres decides whether its session is still open. */
export type SealedSession = {
  account: Account;
  /** What Postgres keeps of the id. */
  idHash: Buffer;
  /** Only a page that may read our answers knows it. */
  csrf: string;
};

/** A new session of the account, and its cookie's value. */
export async function makeSession(account: Account): Promise<SealedSession & { value: string }> {
  const id = randomBytes(32);
  const seal = sealOf(id, await account.readKey());
  return { ...describe(account, id), value: `${id.toString("base64url")}.${seal.toString("base64url")}` };
}

/**
 * The session of the request's cookie. The seal shows that an account of today made it, so that no other caller can
 * cause a query.
 */
export async function readSession(
  request: FastifyRequest,
  accounts: readonly Account[],
): Promise<SealedSession | undefined> {
  for (const [id, seal] of listCookies(request)) {
    for (const account of accounts) {
      if (timingSafeEqual(sealOf(id, await account.readKey()), seal)) return describe(account, id);
    }
  }
  return undefined;
}

export function hasSessionCookie(request: FastifyRequest): boolean {
  return listCookies(request).length > 0;
}

function describe(account: Account, id: Buffer): SealedSession {
  return {
    account,
    idHash: createHash("sha256").update(id).digest(),
    csrf: createHmac("sha256", id).update("rollcall csrf").digest("base64url"),
  };
}

function sealOf(id: Buffer, key: Buffer): Buffer {
  return createHmac("sha256", key).update(id).digest();
}

const form = /^([\w-]{43})\.([\w-]{43})$/;

const mostCookies = 4;

/** A site beside this one may have set a cookie of the same name, so each of them is tried, up to a few. */
function listCookies({ headers, protocol }: FastifyRequest): [id: Buffer, seal: Buffer][] {
  const pairs = (headers.cookie ?? "").split(";").map((pair) => pair.trim());
  const listNamed = (name: string) =>
    pairs
      .filter((pair) => pair.startsWith(`${name}=`))
      .flatMap((pair) => readValue(pair.slice(name.length + 1)))
      .slice(0, mostCookies);
  const secure = listNamed(names.secure);
  return secure.length > 0 || protocol === "https" ? secure : listNamed(names.plain);
}

function readValue(value: string): [id: Buffer, seal: Buffer][] {
  const [, id, seal] = form.exec(value) ?? [];
  if (id === undefined || seal === undefined) return [];
  return [[Buffer.from(id, "base64url"), Buffer.from(seal, "base64url")]];
}

export function setSessionCookie(request: FastifyRequest, reply: FastifyReply, value: string): void {
  const isSecure = isBehindTls(request);
  reply.header("set-cookie", write(isSecure ? names.secure : names.plain, value, { isSecure, maxAgeS }));
}

/** Both names, because a proxy with TLS may have been added since the login. */
export function clearSessionCookie(reply: FastifyReply): void {
  reply.header("set-cookie", [
    write(names.plain, "", { isSecure: false, maxAgeS: 0 }),
    write(names.secure, "", { isSecure: true, maxAgeS: 0 }),
  ]);
}

/**
 * The board's page reads its CSRF token from this cookie, as axios does, and sends it as `x-xsrf-token`. The cookie alone
 * opens nothing.
 */
export function setBoardToken(
  request: FastifyRequest,
  reply: FastifyReply,
  path: string,
  csrf: string,
): void {
  const secure = isBehindTls(request) ? "; Secure" : "";
  reply.header("set-cookie", `XSRF-TOKEN=${csrf}; Path=${path}; SameSite=Strict${secure}`);
}

function write(
  name: string,
  value: string,
  { isSecure, maxAgeS }: { isSecure: boolean; maxAgeS: number },
): string {
  const secure = isSecure ? "; Secure" : "";
  return `${name}=${value}; Path=/; Max-Age=${maxAgeS}; HttpOnly; SameSite=Strict${secure}`;
}

/** TRUST_PROXY lets the proxy's header count. Without it, the browser's own `Origin` shows the scheme of its address. */
function isBehindTls({ protocol, headers: { origin } }: FastifyRequest): boolean {
  return protocol === "https" || origin?.startsWith("https://") === true;
}
