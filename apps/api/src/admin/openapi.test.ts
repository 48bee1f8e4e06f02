import { generateKeyPairSync } from "node:crypto";
import { createLogger } from "@rollcall/observability";
import type { FastifyInstance } from "fastify";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { buildApp } from "../app.ts";
import { readApiConfig } from "../config.ts";
import { type ApiContext, createApiContext } from "../context.ts";

const prefix = "/api/admin";
const authorization = `Basic ${Buffer.from("admin:the right password").toString("base64")}`;
const documentShape = z.object({
  openapi: z.literal("3.1.0"),
  paths: z.record(
    z.string(),
    z.record(z.string(), z.looseObject({ summary: z.string().regex(/\.$/), responses: z.looseObject({}) })),
  ),
});

let context: ApiContext;
let app: FastifyInstance;
beforeAll(async () => {
  const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const config = readApiConfig({
    // No server listens there, and no test here gets as far as a database.
    DATABASE_URL: "postgres://user@127.0.0.1:1/nothing",
    CLERK_JWT_KEY: publicKey.export({ type: "spki", format: "pem" }).toString(),
    CLERK_AUTHORIZED_PARTIES: "http://localhost:5173",
    ADMIN_PASSWORD: "the right password",
  });
  context = createApiContext(config, createLogger({ level: "silent", process: "api" }));
  app = await buildApp(context);
  await app.ready();
});
afterAll(async () => {
  await app?.close();
  await context?.close();
});

async function readDocument() {
  const answer = await app.inject({ url: `${prefix}/openapi.json`, headers: { authorization } });
  return documentShape.parse(answer.json());
}

async function listDocumented(): Promise<string[]> {
  const { paths } = await readDocument();
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ":$1")}`),
  );
}

/** The routes that Fastify knows, read from its drawing of the tree with four characters for each level. */
function listRegistered(): string[] {
  const branch: string[] = [];
  return app
    .printRoutes({ commonPrefix: false })
    .split("\n")
    .flatMap((line) => {
      const [, indent = "", path = "", methods] = /^(.*?── )(\S*)(?: \((.*)\))?$/.exec(line) ?? [];
      const depth = indent.length / 4;
      branch.splice(depth - 1, branch.length, path);
      return (methods?.split(", ") ?? []).map((method) => `${method} ${branch.join("")}`);
    })
    .filter((route) => route.includes(` ${prefix}/`) && !/^(HEAD|OPTIONS) /.test(route));
}

test("openapi.json documents exactly the registered admin routes", async () => {
  const registered = listRegistered();
  expect(registered).toContain(`GET ${prefix}/users/:clerkId`);
  expect((await listDocumented()).sort()).toEqual(registered.sort());
});

test("every documented route answers 401 without credentials and with wrong ones", async () => {
  for (const route of await listDocumented()) {
    const [method = "", url = ""] = route.split(" ");
    const answer = await app.inject({ method: method as "GET", url });
    expect([route, answer.statusCode, answer.json().error.code]).toEqual([
      route,
      401,
      "admin.unauthenticated",
    ]);
  }
  const wrong = { authorization: `Basic ${Buffer.from("admin:wrong").toString("base64")}` };
  expect((await app.inject({ url: `${prefix}/openapi.json`, headers: wrong })).statusCode).toBe(401);
});

test("while organizations are off, their routes say how to turn them on", async () => {
  const answers = (await listDocumented()).filter((route) => route.includes(`${prefix}/organizations`));
  expect(answers).toHaveLength(4);
  for (const route of answers) {
    const [method = "", path = ""] = route.split(" ");
    const url = path.replace(":clerkOrgId", "org_a");
    const headers = { authorization, "accept-language": "en" };
    const answer = await app.inject({ method: method as "GET", url, headers });
    const { code, message } = answer.json().error;
    expect([route, answer.statusCode, code]).toEqual([route, 404, "organization.off"]);
    expect(message).toContain('Add "organizations": {} to the mapping');
  }
});

test("every reference in the document has a target", async () => {
  const answer = await app.inject({ url: `${prefix}/openapi.json`, headers: { authorization } });
  const references = new Set([...answer.payload.matchAll(/"\$ref":"([^"]+)"/g)].map(([, target]) => target));
  expect(references).toEqual(new Set(["#/components/schemas/Error"]));
  expect(answer.json().components.schemas.Error).toMatchObject({ type: "object" });
});
