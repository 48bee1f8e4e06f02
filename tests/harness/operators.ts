import type { AdminRole } from "@rollcall/contracts";
import { sessionAnswer, writeOperatorEntry } from "@rollcall/contracts";
import { hashPassword } from "@rollcall/runtime";
import type { Browser, Page } from "playwright-core";
import { adminPassword, type System } from "./system.ts";

export type TestOperator = { name: string; role: AdminRole; password: string; entry: string };

/** An operator with a password of its own, and its entry for ADMIN_OPERATORS. */
export async function makeOperator(name: string, role: AdminRole): Promise<TestOperator> {
  const password = `the password of ${name}`;
  return {
    name,
    role,
    password,
    entry: writeOperatorEntry({ name, role, hash: await hashPassword(password) }),
  };
}

/** The account of ADMIN_PASSWORD. */
export const admin = { name: "admin", password: adminPassword } as const;

export function basicOf({ name, password }: { name: string; password: string }): { authorization: string } {
  return { authorization: `Basic ${Buffer.from(`${name}:${password}`).toString("base64")}` };
}

export function postLogin(
  system: Pick<System, "apiUrl">,
  given: { name: string; password: string },
  headers: Record<string, string> = {},
): Promise<Response> {
  const { name, password } = given;
  return fetch(`${system.apiUrl}/admin/login`, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json", ...headers },
    body: JSON.stringify({ name, password }),
  });
}

/** What a page has of a session. */
export type PageSession = { cookie: string; csrf: string; name: string };

/** Logs in as a page does. */
export async function logIn(
  system: Pick<System, "apiUrl">,
  given: { name: string; password: string },
  headers: Record<string, string> = {},
): Promise<PageSession> {
  const response = await postLogin(system, given, headers);
  const { csrf, name } = sessionAnswer.parse(await response.json());
  const [cookie = ""] = (response.headers.getSetCookie()[0] ?? "").split(";");
  return { cookie, csrf, name };
}

/** Opens a page of a browser that has a session. */
export async function openAsOperator(
  browser: Browser,
  system: System,
  given: { name: string; password: string },
): Promise<Page> {
  const { cookie } = await logIn(system, given);
  const [name = "", value = ""] = cookie.split("=");
  const context = await browser.newContext();
  await context.addCookies([{ name, value, url: system.apiUrl, httpOnly: true, sameSite: "Strict" }]);
  return context.newPage();
}

/** A request of a page with a session. */
export function callAsPage(
  system: Pick<System, "apiUrl">,
  { cookie, csrf }: PageSession,
  path: string,
  {
    method = "GET",
    body,
    headers = {},
  }: { method?: string; body?: unknown; headers?: Record<string, string> } = {},
): Promise<Response> {
  return fetch(`${system.apiUrl}${path}`, {
    method,
    redirect: "manual",
    headers: {
      cookie,
      accept: "application/json",
      "x-rollcall-console": "1",
      ...(method === "GET" ? {} : { "x-csrf-token": csrf }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

/** The error code of an answer. */
export async function readCode(response: Response): Promise<string | undefined> {
  const body: unknown = await response.json();
  const error = typeof body === "object" && body !== null && "error" in body ? body.error : undefined;
  return typeof error === "object" && error !== null && "code" in error ? String(error.code) : undefined;
}
