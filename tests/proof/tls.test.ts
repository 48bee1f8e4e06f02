import { chmod, chown, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findFreePort } from "@rollcall/local-services";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { ensure, untilProfile } from "../harness/calls.ts";
import { type Certificates, hasOpenssl, makeCertificates } from "../harness/certificates.ts";
import { runProcess, untilOutput } from "../harness/process.ts";
import { type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

/** Node's error codes. Postgres sends only its own certificate, and Redis sends the CA's too. */
const untrusted = /UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT_IN_CHAIN/;

const redisBinary = inject("redisBinary");
const lacks = [redisBinary ? [] : ["redis-server"], hasOpenssl() ? [] : ["openssl"]].flat();
const skipped = lacks.length > 0 ? ` (skipped: no ${lacks.join(" and ")} on PATH)` : "";

describe.skipIf(lacks.length > 0)(`TLS by a private CA${skipped}`, () => {
  let system: System;
  let folder: string;
  let certificates: Certificates;
  let redisPort: number;
  /** The environment for TLS with the right CA. */
  let encrypted: Record<string, string>;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "rollcall-tls-"));
    await chmod(folder, 0o711);
    certificates = await makeCertificates(folder);
    system = await startSystem({ backend: "redis" });
    await Promise.all([system.api.stop(), system.worker.stop()]);
    redisPort = await findFreePort();
    await encryptPostgres();
    await encryptRedis();
    encrypted = withCa(certificates.ca);
    // Both processes start with this same object.
    Object.assign(system.environment, encrypted);
    system.api = system.startApi();
    system.worker = system.startWorker();
    await system.untilReady();
  });
  afterAll(async () => {
    await system?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function encryptPostgres(): Promise<void> {
    // Postgres reads a key file only if its own user owns it.
    const { uid, gid } = await stat(system.postgres.dataDir);
    await chmod(certificates.key, 0o600);
    await chown(certificates.key, uid, gid);
    await system.db.query(`alter system set ssl_cert_file = '${certificates.cert}'`);
    await system.db.query(`alter system set ssl_key_file = '${certificates.key}'`);
    await system.db.query("alter system set ssl = on");
    await system.db.query("select pg_reload_conf()");
  }

  async function encryptRedis(): Promise<void> {
    const redis = new Redis(system.redis?.url ?? "");
    const { ca, cert, key } = certificates;
    const settings = { "tls-cert-file": cert, "tls-key-file": key, "tls-ca-cert-file": ca };
    await redis.config("SET", "tls-auth-clients", "no", ...Object.entries(settings).flat());
    await redis.config("SET", "tls-port", redisPort);
    // From now on Redis refuses unencrypted connections.
    await redis.config("SET", "port", 0);
    redis.disconnect();
  }

  function withCa(ca: string): Record<string, string> {
    const databaseUrl = new URL(system.postgres.url);
    databaseUrl.searchParams.set("sslmode", "verify-full");
    return {
      DATABASE_URL: databaseUrl.href,
      REDIS_URL: `rediss://127.0.0.1:${redisPort}`,
      NODE_EXTRA_CA_CERTS: ca,
    };
  }

  const command = (environment: Record<string, string>, ...args: string[]) =>
    runProcess("apps/cli/dist/main.js", { ...system.environment, ...environment }, args);

  async function examine(environment: Record<string, string>) {
    const doctor = command(environment, "doctor", "--json");
    await doctor.exited;
    const { findings } = JSON.parse(doctor.output()) as {
      findings: { name: string; state: string; says: string; mend: string | null }[];
    };
    return { output: doctor.output(), faults: findings.filter(({ state }) => state === "wrong") };
  }

  test("api, worker and CLI work over rediss:// and sslmode=verify-full, and every connection is encrypted", async () => {
    const { id } = await system.clerk.users.create();
    await untilProfile(system, id);
    expect((await ensure(system, id)).status).toBe(200);
    const status = command({}, "status", "--json");
    expect(await status.exited).toBe(0);
    const { rows } = await system.db.query(
      `select a.application_name as name, bool_and(s.ssl) as ssl from pg_stat_activity a join pg_stat_ssl s using (pid)
       where a.application_name like 'rollcall-%' group by 1 order by 1`,
    );
    expect(rows).toEqual([
      { name: "rollcall-api", ssl: true },
      { name: "rollcall-worker", ssl: true },
    ]);
    expect((await examine({})).faults.map(({ name }) => name)).toEqual([]);
  });

  test("the CA may also be named in DATABASE_URL", async () => {
    const { DATABASE_URL = "" } = withCa(certificates.ca);
    const url = `${DATABASE_URL}&sslrootcert=${encodeURIComponent(certificates.ca)}`;
    const migration = runProcess("apps/cli/dist/migrate/main.js", { DATABASE_URL: url });
    expect(await migration.exited).toBe(0);
  });

  test("a server with a certificate of another CA is refused, and doctor and migrate say so without the address", async () => {
    const strange = withCa(certificates.strangeCa);
    const { faults, output } = await examine(strange);
    expect(faults).toMatchObject([
      { name: "postgres.reachable", says: expect.stringMatching(untrusted) },
      {
        name: "redis.reachable",
        says: expect.stringMatching(untrusted),
        mend: expect.stringContaining("NODE_EXTRA_CA_CERTS"),
      },
    ]);
    expect(faults[0]?.says).toContain("sslrootcert");
    const migration = runProcess("apps/cli/dist/migrate/main.js", strange);
    expect(await migration.exited).toBe(1);
    expect(migration.output()).toContain("No encrypted connection");
    const { password } = new URL(strange["DATABASE_URL"] ?? "");
    for (const text of [output, migration.output()]) {
      expect(text).not.toContain(password);
      expect(text).not.toContain(String(redisPort));
    }
  });

  test("an api that trusts another CA says why in its log, and answers neither 200 nor 500", async () => {
    const port = await findFreePort();
    const environment = { ...system.environment, ...withCa(certificates.strangeCa), PORT: String(port) };
    const api = runProcess("apps/api/dist/main.js", environment);
    try {
      // It logs these failures before it listens.
      await untilOutput(api, "Listening");
      for (const message of ["Postgres does not answer", "Redis connection for queues"]) {
        await waitFor(`the reason of: ${message}`, async () => {
          const lines = api.output().split("\n");
          return lines.some((line) => line.includes(message) && untrusted.test(line)) ? true : undefined;
        });
      }
      const stranger = { ...system, apiUrl: `http://127.0.0.1:${port}` };
      const { id } = await system.clerk.users.create({}, { silent: true });
      expect((await ensure(stranger, id)).status).toBe(503);
      expect((await fetch(`${stranger.apiUrl}/readyz`)).status).toBe(503);
    } finally {
      await api.stop("SIGKILL");
    }
  });
});
