import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defaultMapping } from "@rollcall/contracts";
import { createPool, migrateUp } from "@rollcall/db";
import { createDatabase } from "@rollcall/local-services";
import fastify from "fastify";
import { expect, inject, onTestFinished, test } from "vitest";
import { registerHealthRoutes } from "./health-routes.ts";
import { openServices } from "./open-services.ts";

test("under another mapping than the recorded one, readyz names the schema and not Postgres", async () => {
  const databaseUrl = await createDatabase(inject("postgresUrl"));
  const owner = createPool({ databaseUrl, applicationName: "test", onIdleError: () => undefined });
  onTestFinished(() => owner.end());
  await migrateUp(owner);
  const file = join(mkdtempSync(join(tmpdir(), "rollcall-mapping-")), "rollcall.config.json");
  writeFileSync(file, JSON.stringify({ ...defaultMapping, profile: null }));
  const config = {
    ...{ DATABASE_URL: databaseUrl, ROLLCALL_CONFIG: file, CLERK_API_URL: "http://127.0.0.1:1" },
    ...{ ENABLE_AUTO_CREATE: true, SESSION_CACHE_TTL_S: 300, APP_SESSION_KEY: "session:{clerkId}" },
  };
  const services = openServices(config, { program: "worker" });
  const app = fastify();
  onTestFinished(async () => {
    await app.close();
    await services.close();
  });
  registerHealthRoutes(app, services, { listsWorker: false });
  const answer = await app.inject("/readyz");
  expect(answer.json().degraded).toContain("schema");
  expect(answer.json().degraded).not.toContain("postgres");
});
