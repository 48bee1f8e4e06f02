/** Proves that the tests beside it really run on React 18. */
export const reactVersionTest = `
import { version } from "react";
import { version as domVersion } from "react-dom";
import { expect, test } from "vitest";
test("this is React 18", () => expect([version, domVersion]).toEqual(["18.3.1", "18.3.1"]));
`;

/** The types of Clerk, Next.js and Vite that the README uses. The real packages have many dependencies. */
export const elsewhere = `
/// <reference types="react/canary" />
type Auth = { userId: string | null; getToken: () => Promise<string | null> };
type Slot = (props: { children: import("react").ReactNode }) => import("react").ReactElement;
declare module "@clerk/clerk-react" {
  export const ClerkProvider: (props: Parameters<Slot>[0] & { publishableKey: string }) => ReturnType<Slot>;
  export const SignedIn: Slot;
  export const SignedOut: Slot;
  export const SignIn: () => ReturnType<Slot>;
  export function useAuth(): { isLoaded: boolean; userId: string | null | undefined; getToken: Auth["getToken"] };
  export function useUser(): { isLoaded: boolean; user: { id: string; fullName: string | null } | null | undefined };
}
declare module "@clerk/express" {
  export function clerkMiddleware(): import("express").RequestHandler;
  export function getAuth(request: import("express").Request): Auth;
}
declare module "@clerk/nextjs" {
  export function useAuth(): { isLoaded: boolean; userId: string | null | undefined; getToken: Auth["getToken"] };
}
declare module "@clerk/nextjs/server" {
  export function auth(): Promise<Auth>;
}
declare module "next/navigation" {
  export function useRouter(): { refresh(): void };
}
declare module "vite" {
  type Config = { plugins: readonly object[]; server: { proxy: Record<string, string> } };
  export function defineConfig(config: Config): Config;
}
declare module "@vitejs/plugin-react" {
  export default function react(): object;
}
interface ImportMeta {
  env: { VITE_CLERK_PUBLISHABLE_KEY: string };
}
`;

/** The app's own database module that the README assumes. */
export const database = `
import type { Session } from "@rollcall/client";
export declare function findProfile(clerkId: string): Promise<Session | undefined>;
`;

/** An app that uses every entry point of the client. */
export const consumer = `
import { createRollcallClient, type Provisioned, RollcallError, type User } from "@rollcall/client";
import { provisioned as provisionedRequest } from "@rollcall/client/express";
import { createProvisioning } from "@rollcall/client/next";
import { ProvisioningGate, UserProvisioningProvider, useAuthedQuery, useUserSync } from "@rollcall/client/react";
import { provisioned } from "@rollcall/client/trpc";
import { initTRPC } from "@trpc/server";

const client = createRollcallClient({ baseUrl: "http://127.0.0.1:9", getToken: async () => null });
const answer: Promise<Provisioned> = client.ensure();
answer.catch((error: unknown) => error instanceof RollcallError && error.message);

type Context = { auth: { userId: string | null; getToken: () => Promise<string | null> } };
const t = initTRPC.context<Context>().create();
const mentee = t.procedure.use(provisioned({ client, identify: (ctx: Context) => ctx.auth }));
export const router = t.router({ name: mentee.query(({ ctx }): string => ctx.mentorado.nomeCompleto) });
export const middleware = provisionedRequest({ client, identify: () => null });
const { requireProvisioned } = createProvisioning({ client, identify: async () => null });
export const user: Promise<User> = requireProvisioned().then((profile) => profile.user);

function Stats() {
  const { data } = useAuthedQuery({ queryKey: ["stats"], queryFn: async () => 5 });
  const count: number | undefined = data;
  return <p>{useUserSync().user?.id} {count}</p>;
}
export const app = (
  <UserProvisioningProvider client={client} auth={{ isLoaded: true, userId: "user_1" }}>
    <ProvisioningGate supportUrl="/help" loading={<p>One moment</p>}>
      <Stats />
    </ProvisioningGate>
  </UserProvisioningProvider>
);
`;
