import { generateKeyPairSync } from "node:crypto";
import { createServer, type RequestListener } from "node:http";
import type { Server } from "node:net";
import { Redis } from "ioredis";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chooseBackend, describeOnRedis } from "../harness/backends.ts";
import { createFakePostgres } from "../harness/fake-postgres.ts";
import { migrate } from "../harness/migrate.ts";
import { runProcess } from "../harness/process.ts";
import { type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

type Finding = { name: string; state: string; says: string; mend: string | null };
type Report = { ok: boolean; findings: Finding[] };

let system: System;
/** The environment of a healthy system. Each test plants one fault in it. */
let healthy: Record<string, string>;

beforeAll(async () => {
  system = await startSystem({ backend: chooseBackend() });
  healthy = system.environment;
});
afterAll(() => system?.stop());

async function examine(environment: Record<string, string>) {
  const command = runProcess("apps/cli/dist/main.js", environment, ["doctor", "--json"]);
  const code = await command.exited;
  return { code, text: command.output(), report: JSON.parse(command.output()) as Report };
}

/** Returns the faults, and expects that each says how to fix it. */
async function findFaults(environment: Record<string, string>): Promise<Finding[]> {
  const { code, report } = await examine(environment);
  const faults = report.findings.filter(({ state }) => state === "wrong");
  expect({ code, ok: report.ok }).toEqual(faults.length > 0 ? { code: 1, ok: false } : { code: 0, ok: true });
  for (const fault of faults) expect(fault.mend).toBeTruthy();
  return faults;
}

async function findNames(environment: Record<string, string>): Promise<string[]> {
  return (await findFaults(environment)).map(({ name }) => name);
}

async function withServer<T>(server: Server, work: (port: number) => Promise<T>): Promise<T> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  try {
    return await work(typeof address === "object" && address ? address.port : 0);
  } finally {
    server.close();
  }
}

/** Changes the database with `plant`, and undoes it with `mend`. */
async function withSql<T>(plant: string, mend: string, work: () => Promise<T>): Promise<T> {
  await system.db.query(plant);
  try {
    return await work();
  } finally {
    await system.db.query(mend);
  }
}

test("the doctor finds no fault in a healthy system and checks every part", async () => {
  const { code, report } = await examine(healthy);
  expect({ code, wrong: report.findings.filter(({ state }) => state === "wrong") }).toEqual({
    code: 0,
    wrong: [],
  });
  expect(report.findings.filter(({ state }) => state === "unknown")).toEqual([]);
  expect(report.findings).toContainEqual(
    expect.objectContaining({ name: "webhook.deliveries", says: expect.stringContaining("No webhook") }),
  );
  const names = report.findings.map(({ name }) => name);
  expect(names).toEqual(
    expect.arrayContaining([
      "environment",
      "webhook.secret",
      "clerk.key",
      "clerk.clock",
      "clerk.jwt_key",
      "clerk.webhooks",
    ]),
  );
  expect(names).toEqual(
    expect.arrayContaining([
      "postgres.sessions",
      "postgres.migrations",
      "postgres.grants",
      "postgres.tables",
    ]),
  );
});

test("without --json the doctor prints a table and says that nothing is wrong", async () => {
  const command = runProcess("apps/cli/dist/main.js", healthy, ["doctor"]);
  expect(await command.exited).toBe(0);
  expect(command.output()).toMatch(/ok +postgres\.version +PostgreSQL \d+/);
  expect(command.output()).toContain("Nothing is wrong.");
});

test("for an empty environment the doctor lists every missing variable, without a stack trace", async () => {
  const { code, report, text } = await examine({});
  expect(code).toBe(1);
  const names = report.findings.filter(({ state }) => state === "wrong").map(({ name }) => name);
  expect(names.sort()).toEqual([
    "environment.CLERK_AUTHORIZED_PARTIES",
    "environment.CLERK_JWT_KEY",
    "environment.CLERK_SECRET_KEY",
    "environment.DATABASE_URL",
  ]);
  expect(text).not.toContain("    at ");
});

test("the doctor prints no secret and no address", async () => {
  const password = "hunter2-hunter2";
  const { text } = await examine({
    ...healthy,
    DATABASE_URL: `postgres://someone:${password}@127.0.0.1:1/elsewhere`,
    CLERK_SECRET_KEY: "sk_test_planted-and-wrong",
    CLERK_WEBHOOK_SIGNING_SECRET: "whsec_planted!",
  });
  expect(text).not.toMatch(/hunter2|someone|elsewhere|planted/);
});

describe("each planted fault is the only one that the doctor finds", () => {
  test.each([
    ["an origin with a slash", "CLERK_AUTHORIZED_PARTIES", "https://app.example.com/"],
    ["half a JWT key", "CLERK_JWT_KEY", "-----BEGIN PUBLIC KEY-----\nMIIBIjANBg\n-----END PUBLIC KEY-----"],
    ["an impossible port", "PORT", "70000"],
    ["words instead of a number", "SESSION_CACHE_TTL_S", "five minutes"],
  ])("environment: %s", async (_fault, name, value) => {
    expect(await findNames({ ...healthy, [name]: value })).toEqual([`environment.${name}`]);
  });

  test.each(["whsec_abc!", "abc", "whsec_"])("webhook.secret: %s", async (value) => {
    expect(await findNames({ ...healthy, CLERK_WEBHOOK_SIGNING_SECRET: value })).toEqual(["webhook.secret"]);
  });

  test("clerk.key: Clerk refuses it", async () => {
    expect(await findNames({ ...healthy, CLERK_SECRET_KEY: "sk_test_ofAnotherInstance" })).toEqual([
      "clerk.key",
    ]);
  });

  test("clerk.jwt_key: the key of another instance", async () => {
    const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const pem = publicKey.export({ type: "spki", format: "pem" }).toString();
    expect(await findNames({ ...healthy, CLERK_JWT_KEY: pem })).toEqual(["clerk.jwt_key"]);
  });

  test("clerk.webhooks: the instance has none, so the signing secret is of another one", async () => {
    const { url } = await system.clerk.webhooks.settings();
    await system.clerk.webhooks.configure({ url: null, hasApp: false });
    expect(await findNames(healthy)).toEqual(["clerk.webhooks"]);
    const { CLERK_WEBHOOK_SIGNING_SECRET: _, ...withoutSecret } = healthy;
    expect(await findNames(withoutSecret)).toEqual([]);
    await system.clerk.webhooks.configure({ url });
  });

  test("clerk.reachable: no server answers", async () => {
    expect(await findNames({ ...healthy, CLERK_API_URL: "http://127.0.0.1:65535" })).toEqual([
      "clerk.reachable",
    ]);
  });

  test.each([
    ["ahead of", -120_000],
    ["behind", 120_000],
  ])("clerk.clock: two minutes %s Clerk's", async (word, offsetMs) => {
    const answer: RequestListener = async (request, response) => {
      const { authorization = "" } = request.headers;
      const real = await fetch(new URL(request.url ?? "", healthy["CLERK_API_URL"]), {
        method: request.method ?? "GET",
        headers: { authorization },
      });
      const date = new Date(Date.now() + offsetMs).toUTCString();
      response.writeHead(real.status, { date, "content-type": "application/json" }).end(await real.text());
    };
    const faults = await withServer(createServer(answer), (port) =>
      findFaults({ ...healthy, CLERK_API_URL: `http://127.0.0.1:${port}` }),
    );
    expect(faults).toMatchObject([{ name: "clerk.clock", says: expect.stringContaining(word) }]);
  });

  test("postgres.reachable: no server listens, or the password is wrong", async () => {
    const url = "postgres://u@127.0.0.1:1/none";
    expect(await findNames({ ...healthy, DATABASE_URL: url })).toEqual(["postgres.reachable"]);
  });

  test("postgres.version: the server is too old", async () => {
    const old = createFakePostgres((sql) =>
      sql.startsWith("show") ? ["server_version_num", "120022"] : ["pid", "42"],
    );
    const names = await withServer(old, (port) =>
      findNames({ ...healthy, DATABASE_URL: `postgres://u@127.0.0.1:${port}/db` }),
    );
    expect(names).toContain("postgres.version");
  });

  test("postgres.sessions: a transaction pooler is in between", async () => {
    const pooler = createFakePostgres((sql) =>
      sql.startsWith("show") ? ["server_version_num", "160004"] : ["pid", "42"],
    );
    const names = await withServer(pooler, (port) =>
      findNames({ ...healthy, DATABASE_URL: `postgres://u@127.0.0.1:${port}/db` }),
    );
    expect(names).toEqual(["postgres.sessions"]);
  });

  test("postgres.migrations: the last one is missing", async () => {
    await migrate(healthy, ["--down"]);
    const names = await findNames(healthy);
    await migrate(healthy);
    expect(names).toEqual(["postgres.migrations"]);
    expect(await findNames(healthy)).toEqual([]);
  });

  test("postgres.migrations: BullMQ's tables are missing", async () => {
    const { REDIS_URL: _, ...onPostgres } = healthy;
    const names = await withSql(
      "alter table bullmq.migration rename to hidden",
      "alter table bullmq.hidden rename to migration",
      () => findNames(onPostgres),
    );
    expect(names).toEqual(["postgres.migrations"]);
  });

  test("postgres.grants: a role without privileges, and the missing ones are named", async () => {
    const url = new URL(healthy["DATABASE_URL"] ?? "");
    [url.username, url.password] = ["limited", "limited"];
    const faults = await withSql(
      `create role limited login password 'limited';
       grant usage on schema public, rollcall, bullmq to limited;
       grant select on all tables in schema public, rollcall, bullmq to limited;
       grant usage on all sequences in schema public, rollcall, bullmq to limited`,
      "drop owned by limited; drop role limited",
      () => findFaults({ ...healthy, DATABASE_URL: url.href }),
    );
    expect(faults).toMatchObject([
      { name: "postgres.grants", says: expect.stringMatching(/UPDATE on table public\.(users|mentorados)/) },
    ]);
  });

  describe("postgres.grants: a role that lacks a single privilege", () => {
    const role = `
      create role nearly login password 'nearly';
      grant all on schema public, rollcall, bullmq to nearly;
      grant all on all tables in schema public, rollcall, bullmq to nearly;
      grant all on all sequences in schema public, rollcall, bullmq to nearly`;

    test.each([
      {
        fault: "row-level security hides the rows",
        plant: "alter table users enable row level security",
        mend: "alter table users disable row level security",
        lacks: "a policy that lets it see all rows of public.users, or BYPASSRLS",
      },
      {
        fault: "temporary tables, after PUBLIC lost the privilege",
        plant: "revoke temporary on database postgres from public",
        mend: "grant temporary on database postgres to public",
        lacks: "TEMPORARY on database postgres",
      },
      {
        fault: "the column by which rows of the app refer to a profile",
        plant: "create table app_notes (body text, mentorado_id int references mentorados (id))",
        mend: "drop table app_notes",
        lacks: "SELECT (mentorado_id) on table app_notes",
      },
    ])("$fault", async ({ plant, mend, lacks }) => {
      const url = new URL(healthy["DATABASE_URL"] ?? "");
      [url.username, url.password] = ["nearly", "nearly"];
      const faults = await withSql(
        `${role}; ${plant}`,
        `${mend}; drop owned by nearly; drop role nearly`,
        () => findFaults({ ...healthy, DATABASE_URL: url.href }),
      );
      expect(faults).toMatchObject([{ name: "postgres.grants", says: `The role lacks: ${lacks}.` }]);
    });
  });

  test("postgres.tables: the app added a required column that our inserts do not fill", async () => {
    const faults = await withSql(
      "alter table mentorados add column cpf text not null",
      "alter table mentorados drop column cpf",
      () => findFaults(healthy),
    );
    expect(faults).toMatchObject([
      {
        name: "postgres.tables",
        says: expect.stringContaining("mentorados.cpf is NOT NULL without a default"),
      },
    ]);
  });

  test("postgres.duplicates: a user has two profiles, after the unique index was dropped", async () => {
    const faults = await withSql(
      `alter table mentorados drop constraint mentorados_user_id_unique;
       insert into users (id, clerk_id) values (900001, 'user_twice');
       insert into mentorados (user_id, nome_completo) values (900001, 'one'), (900001, 'two')`,
      `delete from mentorados where user_id = 900001; delete from users where id = 900001;
       alter table mentorados add constraint mentorados_user_id_unique unique (user_id)`,
      () => findFaults(healthy),
    );
    expect(faults).toMatchObject([
      { name: "postgres.tables", says: expect.stringContaining("user_id has no unique key") },
      { name: "postgres.duplicates", says: expect.stringContaining("user_id 900001: ") },
    ]);
  });

  test("postgres.ids: writes of known users have used up most of the ids", async () => {
    const faults = await withSql(
      "select setval('users_id_seq', 1503238553)",
      "select setval('users_id_seq', (select coalesce(max(id), 1) from users))",
      () => findFaults(healthy),
    );
    expect(faults).toMatchObject([{ name: "postgres.ids", says: "users.id has used up 70 % of its ids." }]);
  });

  test("postgres.unerased: rows that the app marked as deleted hold personal data, which is a note and no fault", async () => {
    const { code, report, text } = await withSql(
      "insert into users (id, clerk_id, email, deleted_at) values (900002, 'user_marked', 'left@example.com', now())",
      "delete from users where id = 900002",
      () => examine(healthy),
    );
    const found = report.findings.filter(({ name }) => name === "postgres.unerased");
    expect({ code, found }).toMatchObject({
      code: 0,
      found: [
        { state: "note", says: expect.stringContaining("1 row(s)"), mend: expect.stringContaining("purge") },
      ],
    });
    expect(text).not.toContain("left@example.com");
  });

  test("postgres.triggers: a function of the app's trigger that depends on Rollcall's search_path is noted", async () => {
    const plant = (setting: string) => `
      create or replace function app_audit() returns trigger language plpgsql ${setting} as $$ begin return new; end $$;
      create or replace trigger app_audit after update on users for each row execute function app_audit()`;
    const mend = "drop trigger app_audit on users; drop function app_audit";
    const findTriggers = async () =>
      (await examine(healthy)).report.findings.filter(({ name }) => name === "postgres.triggers");
    expect(await withSql(plant(""), mend, findTriggers)).toMatchObject([
      {
        state: "note",
        says: expect.stringContaining("public.app_audit()"),
        mend: expect.stringContaining("alter function public.app_audit() set search_path"),
      },
    ]);
    expect(await withSql(plant("set search_path = public, pg_temp"), mend, findTriggers)).toMatchObject([
      { state: "ok" },
    ]);
  });

  describeOnRedis("of Redis", () => {
    async function withSettings(planted: Record<string, string>): Promise<string[]> {
      const redis = new Redis(healthy["REDIS_URL"] ?? "");
      const before = await Promise.all(
        Object.keys(planted).map(async (name) => (await redis.config("GET", name)) as string[]),
      );
      for (const [name, value] of Object.entries(planted)) await redis.config("SET", name, value);
      try {
        return await findNames(healthy);
      } finally {
        for (const [name, value] of before) await redis.config("SET", name ?? "", value ?? "");
        redis.disconnect();
      }
    }

    test("redis.maxmemory_policy: Redis would evict keys", async () => {
      expect(await withSettings({ "maxmemory-policy": "allkeys-lru" })).toEqual(["redis.maxmemory_policy"]);
    });

    test("redis.persistence: Redis writes nothing to disk", async () => {
      expect(await withSettings({ appendonly: "no", save: "" })).toEqual(["redis.persistence"]);
    });

    test("redis.memory: the memory is nearly full", async () => {
      expect(await withSettings({ maxmemory: "1200000" })).toEqual(["redis.memory"]);
    });

    test("queues.backend: a process that runs without REDIS_URL left a job in Postgres", async () => {
      const { REDIS_URL: _, ...withoutRedis } = healthy;
      const sync = runProcess("apps/cli/dist/main.js", withoutRedis, ["sync", "user_leftBehind"]);
      expect(await sync.exited).toBe(0);
      const names = await findNames(healthy);
      await system.db.query("delete from bullmq.job");
      expect(names).toEqual(["queues.backend"]);
    });

    test.each<[string, string, string | undefined]>([
      ["without @dangerous", "+@all -@dangerous", "INFO"],
      ["without one command of the queues", "+@all -zadd", "ZADD"],
      ["without scripts", "+@all -@scripting", "EVAL"],
      ["without @dangerous except INFO", "+@all -@dangerous +info", undefined],
    ])("redis.permissions: a user %s", async (_case, rights, refused) => {
      const redis = new Redis(healthy["REDIS_URL"] ?? "");
      await redis.call(
        "ACL",
        "SETUSER",
        "limited",
        "reset",
        "on",
        ">secret",
        "~*",
        "&*",
        ...rights.split(" "),
      );
      const url = new URL(healthy["REDIS_URL"] ?? "");
      Object.assign(url, { username: "limited", password: "secret" });
      const faults = await findFaults({ ...healthy, REDIS_URL: url.href });
      await redis.call("ACL", "DELUSER", "limited");
      redis.disconnect();
      if (refused === undefined) expect(faults).toEqual([]);
      else
        expect(faults).toMatchObject([{ name: "redis.permissions", says: expect.stringContaining(refused) }]);
    });

    test("redis.permissions: a user that may not reach the keys of a second shard", async () => {
      const redis = new Redis(healthy["REDIS_URL"] ?? "");
      const patterns = ["~{rollcall}*", "~rollcall:*", "~session:*"];
      await redis.call("ACL", "SETUSER", "limited", "reset", "on", ">secret", ...patterns, "&*", "+@all");
      const url = new URL(healthy["REDIS_URL"] ?? "");
      Object.assign(url, { username: "limited", password: "secret" });
      const faults = await findFaults({ ...healthy, REDIS_URL: url.href, QUEUE_SHARDS: "2" });
      await redis.call("ACL", "DELUSER", "limited");
      redis.disconnect();
      expect(faults).toMatchObject([{ name: "redis.permissions", says: expect.stringContaining("shard") }]);
    });

    test("redis.reachable: no server listens, or it requires a password", async () => {
      expect(await findNames({ ...healthy, REDIS_URL: "redis://127.0.0.1:1" })).toEqual(["redis.reachable"]);
      const redis = new Redis(healthy["REDIS_URL"] ?? "");
      await redis.config("SET", "requirepass", "wanted");
      const faults = await findFaults(healthy);
      await redis.config("SET", "requirepass", "");
      redis.disconnect();
      expect(faults).toMatchObject([{ name: "redis.reachable", says: expect.stringContaining("NOAUTH") }]);
    });
  });
});

test("the doctor changes nothing", async () => {
  const count = async () => {
    const client = new pg.Client({ connectionString: healthy["DATABASE_URL"] });
    await client.connect();
    const { rows } = await client.query(
      "select count(*) as locks from pg_locks where locktype = 'advisory' and objid = x'73657373'::int",
    );
    await client.end();
    return rows;
  };
  await examine(healthy);
  expect(await count()).toEqual([{ locks: "0" }]);
});

// The last test, because its user stays.
test("the doctor names the event type of which no signed delivery has arrived", async () => {
  const { id } = await system.clerk.users.create({ firstName: "Ana" });
  await system.clerk.users.update(id, { firstName: "Ada" });
  await system.clerk.sessions.signIn(id);
  await waitFor("the counts of the api", async () => {
    const { report } = await examine(healthy);
    const { says, state } = report.findings.find(({ name }) => name === "webhook.deliveries") ?? {};
    return state === "note" && says?.includes("No delivery within 7 days: user.deleted (never).")
      ? true
      : undefined;
  });
});
