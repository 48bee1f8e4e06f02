import { createServer } from "node:http";
import { findFreePort } from "@rollcall/local-services";
import type pg from "pg";
import { afterAll, beforeAll, beforeEach, expect } from "vitest";
import type { Backend } from "../../harness/backends.ts";
import { runProcess } from "../../harness/process.ts";
import { type System, startSystem } from "../../harness/system.ts";
import { waitFor } from "../../harness/wait-for.ts";
import type { AppProfile, MappedApp, UserRow } from "./mapped-app.ts";

/** The app's tables: all rows by table, and the foreign keys. */
export type AppState = { rows: Record<string, unknown[]>; foreignKeys: unknown[] };

/** Emails of profiles without a user that the app had before Rollcall came. */
export const unclaimed = {
  one: "linked@example.com",
  unverified: "unsure@example.com",
  several: "twice@example.com",
  secondary: "other@example.com",
};

/** One system that runs on the tables of an app. */
export type Stage = {
  readonly app: MappedApp;
  readonly system: System;
  /** Clerk ids of the users that had a row before Rollcall came. The first one had a profile too. */
  readonly veterans: readonly string[];
  /** The app's tables before the migration, and the names of their columns. */
  readonly before: AppState & { columns: Record<string, string[]> };
  /** What the app received as notifications. */
  readonly notifications: readonly unknown[];
  rollcall(...args: string[]): Promise<{ code: unknown; output: string }>;
  /** Runs a command with `--json`. */
  rollcallJson(...args: string[]): Promise<{ code: unknown; answer: unknown }>;
  findUser(clerkId: string): Promise<UserRow | undefined>;
  untilUser(clerkId: string, fits?: (row: UserRow) => boolean): Promise<UserRow>;
  readApp(): Promise<AppState>;
  /** Expects that rows of tables that Rollcall does not write are as they were. The app may have added some. */
  expectOwnRows(earlier: AppState): Promise<void>;
  readColumns(): Promise<Record<string, string[]>>;
};

/** Declares the hooks of a system on the tables of `app`, which its first full sync has adopted. */
export function declareStage(backend: Backend, app: MappedApp): Stage {
  let system: System;
  let veterans: string[] = [];
  let before: Stage["before"];
  const notifications: unknown[] = [];
  const receiver = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    notifications.push(JSON.parse(Buffer.concat(chunks).toString()));
    response.writeHead(200).end();
  });

  beforeAll(async () => {
    const port = await findFreePort();
    receiver.listen(port, "127.0.0.1");
    system = await startSystem({
      backend,
      underRoles: app.policies !== undefined,
      environment: {
        // No scheduled run interferes.
        RECONCILE_CATCHUP_EVERY_MS: "86400000",
        // The machine may be busy. The bench measures speed.
        ENSURE_TIMEOUT_MS: "10000",
        MENTORADO_CREATED_URL: `http://127.0.0.1:${port}/hook`,
        MENTORADO_CREATED_SECRET: `whsec_${Buffer.from("a secret that only the app knows").toString("base64")}`,
      },
      app: {
        mapping: app.mapping,
        ...(app.policies !== undefined && { policies: app.policies }),
        fill: async ({ db, clerk }) => {
          await db.query(app.tables);
          await clerk.users.seed(3);
          veterans = (await clerk.users.list()).map(({ id }) => id);
          await fill(db, app, veterans);
          before = { ...(await readApp(db)), columns: await readColumns(db) };
        },
      },
    });
    expect(await stage.rollcall("reconcile")).toMatchObject({ code: 0 });
  });
  afterAll(async () => {
    await system?.stop();
    receiver.close();
  });
  // The worker's first full sync may not be over.
  beforeEach(() =>
    waitFor("the end of all runs", async () => {
      const { rows } = await system.db.query("select from rollcall.runs where finished_at is null");
      return rows.length === 0 ? true : undefined;
    }),
  );

  const stage: Stage = {
    app,
    get system() {
      return system;
    },
    get veterans() {
      return veterans;
    },
    get before() {
      return before;
    },
    notifications,
    rollcall: async (...args) => {
      const command = runProcess("apps/cli/dist/main.js", system.environment, args);
      return { code: await command.exited, output: command.output() };
    },
    rollcallJson: async (...args) => {
      const { code, output } = await stage.rollcall(...args, "--json");
      return { code, answer: JSON.parse(output) };
    },
    findUser: async (clerkId) => {
      const { rows } = await system.db.query<UserRow>(
        `select * from (${app.users.rows}) u where u."clerkId" = $1`,
        [clerkId],
      );
      return rows[0];
    },
    untilUser: (clerkId, fits = () => true) =>
      waitFor(`a row for ${clerkId}`, async () => {
        const row = await stage.findUser(clerkId);
        return row && fits(row) ? row : undefined;
      }),
    readApp: () => readApp(system.db),
    expectOwnRows: async (earlier) => {
      const { rows } = await readApp(system.db);
      for (const [table, own] of Object.entries(earlier.rows))
        if (!(table in app.added)) expect(rows[table]).toEqual(expect.arrayContaining(own));
    },
    readColumns: () => readColumns(system.db),
  };
  return stage;
}

async function fill(db: pg.Pool, { users, profile }: MappedApp, veterans: readonly string[]): Promise<void> {
  for (const id of veterans) {
    await db.query(users.insert, [id, "old@example.com"]);
    await db.query(users.refer, [id]);
  }
  if (!profile) return;
  await insertProfile(db, profile, [veterans[0] ?? null, "A veteran", "old@example.com"]);
  const { one, unverified, several, secondary } = unclaimed;
  for (const email of [one, unverified, several, several, secondary])
    await insertProfile(db, profile, [null, "Waiting", email]);
}

/** Makes a profile with a row of the app's that refers to it, as the app does. */
async function insertProfile(
  db: pg.Pool,
  { insert, refer }: AppProfile,
  values: [clerkId: string | null, name: string, email: string],
): Promise<void> {
  const { rows } = await db.query<{ id: string }>(insert, values);
  await db.query(refer, [rows[0]?.id]);
}

const ownSchemas = "'pg_catalog', 'information_schema', 'rollcall', 'bullmq'";

async function listTables(db: pg.Pool): Promise<string[]> {
  const { rows } = await db.query<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname not in (${ownSchemas}) order by 1`,
  );
  return rows.map(({ name }) => name);
}

async function readApp(db: pg.Pool): Promise<AppState> {
  const rows: AppState["rows"] = {};
  for (const table of await listTables(db)) {
    const found = await db.query(`select to_jsonb(t) as row from ${table} t order by 1`);
    rows[table] = found.rows.map(({ row }) => row);
  }
  const { rows: foreignKeys } = await db.query(
    `select c.conrelid::regclass::text as table, pg_get_constraintdef(c.oid) as key
     from pg_constraint c join pg_namespace n on n.oid = c.connamespace
     where c.contype = 'f' and n.nspname not in (${ownSchemas}) order by 1, 2`,
  );
  return { rows, foreignKeys };
}

async function readColumns(db: pg.Pool): Promise<Record<string, string[]>> {
  const columns: Record<string, string[]> = {};
  for (const table of await listTables(db)) {
    const { rows } = await db.query<{ name: string }>(
      "select attname as name from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped order by attnum",
      [table],
    );
    columns[table] = rows.map(({ name }) => name);
  }
  return columns;
}
