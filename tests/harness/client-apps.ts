/** Proves that the tests beside it really run on React 18. */
export const reactVersionTest = `
import { version } from "react";
import { version as domVersion } from "react-dom";
import { expect, test } from "vitest";
test("this is React 18", () => expect([version, domVersion]).toEqual(["18.3.1", "18.3.1"]));
`;

/** An app that uses every entry point of the client. */
export const consumer = `
import { createRollcallClient, type Provisioned, RollcallError, type User } from "@rollcall/client";
import { provisioned as provisionedRequest } from "@rollcall/client/express";
import { createProvisioning } from "@rollcall/client/next";
import { provisioned as provisionedHook } from "@rollcall/client/fastify";
import { provisioned as provisionedContext } from "@rollcall/client/hono";
import { useAuthedQuery } from "@rollcall/client/query";
import { ProvisioningGate, UserProvisioningProvider, useUserSync } from "@rollcall/client/react";
import { buildClient } from "@rollcall/client/testing";
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
export const hook = provisionedHook({ client, identify: () => null });
export const context = provisionedContext({ client: buildClient(), identify: () => null });
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
