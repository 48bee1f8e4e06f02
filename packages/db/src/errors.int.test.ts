import { AppError, defaultMapping } from "@rollcall/contracts";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as db from "./index.ts";
import { calls, secret } from "./testing/every-call.ts";
import { createEmptyPool, createTestPool, makeSnapshot } from "./testing.ts";

let empty: db.Pool;
let migrated: db.Pool;

beforeAll(async () => {
  const mapping = { ...defaultMapping, organizations: {} };
  empty = await createEmptyPool(mapping);
  migrated = await createTestPool(mapping);
});
afterAll(async () => {
  await empty.end();
  await migrated.end();
});

/** These send no statement, need no tables, or have a test of their own for their errors. */
const others = [
  ...[
    "blankUser",
    "trimText",
    "nameMembership",
    "createPool",
    "createQueuePool",
    "createTables",
    "digestSnapshots",
    "isErased",
    "leaseName",
    "PostgresError",
    "MigrationRefusal",
    "PortionLost",
    "PurgeLost",
    "createFinalEventIdReader",
    "mostDifferences",
    "compareWithClerk",
    "describeChange",
  ],
  ...[
    "isRerunnable",
    "isTooSlow",
    "readRefusal",
    "readSqlState",
    "toPostgresError",
    "splitInSavepoints",
    "splitOnRefusal",
  ],
  ...["inTransaction", "inWriteTransaction", "inRolledBackTransaction", "prepareWrite"],
  ...["lockAbsenceGuard", "readClock"],
  ...[
    "findSchemaProblems",
    "findMappingProblems",
    "restoreTables",
    "printSchema",
    "describeLeft",
    "writeRoles",
  ],
  ...["planMigration", "proposeMapping", "readCatalog", "buildLargeIndexes"],
  ...["findMissingGrants", "findMissingMigrations", "listAppColumns"],
  "listRarelyVacuumed",
  "listTriggersWithoutPath",
  ...["measureIdUse", "migrateUp", "migrateDown", "holdsSessions", "isTransactionPooled"],
  // It needs no tables, and returns the refusal.
  "countGrantedConnections",
  "countHeldConnections",
];

test("every export is called here, or named with the reason why not", () => {
  expect([...Object.keys(calls), ...others].toSorted()).toEqual(Object.keys(db).toSorted());
});

/** The thrown error, once its public part is certain to hold no value of the statement. */
async function readError(call: (pool: db.Pool) => Promise<unknown>, pool: db.Pool): Promise<unknown> {
  const error: unknown = await call(pool).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(AppError);
  const { cause: _, ...visible } = error as AppError;
  expect(`${(error as AppError).message} ${JSON.stringify(visible)}`).not.toContain(secret);
  return error;
}

test.each(Object.entries(calls))("without tables %s throws a PostgresError", async (_, call) => {
  const error = await readError(call, empty);
  expect(error).toMatchObject({
    name: "AppError",
    code: "postgres.unavailable",
    sqlState: expect.any(String),
  });
});

const unreachable = () =>
  db.createPool({
    databaseUrl: "postgres://u@127.0.0.1:1/db",
    applicationName: "test",
    onIdleError: () => undefined,
  });

test.each(
  Object.entries({
    holdsSessions: db.holdsSessions,
    isTransactionPooled: db.isTransactionPooled,
    countHeldConnections: db.countHeldConnections,
    migrateUp: db.migrateUp,
    migrateDown: db.migrateDown,
    planMigration: db.planMigration,
    readCatalog: db.readCatalog,
    findMissingMigrations: db.findMissingMigrations,
    findSchemaProblems: db.findSchemaProblems,
    findMappingProblems: db.findMappingProblems,
    restoreTables: db.restoreTables,
    findMissingGrants: (pool: db.Pool) => db.findMissingGrants(pool, { withQueues: true }),
    listAppColumns: db.listAppColumns,
    listRarelyVacuumed: db.listRarelyVacuumed,
    listTriggersWithoutPath: db.listTriggersWithoutPath,
    measureIdUse: db.measureIdUse,
    lockAbsenceGuard: db.lockAbsenceGuard,
    prepareWrite: db.prepareWrite,
    readClock: db.readClock,
  }),
)("without a server %s throws a PostgresError", async (_, call) => {
  const pool = unreachable();
  const error = await readError(call, pool);
  expect(error).toMatchObject({ code: "postgres.unavailable", sqlState: "connection" });
  await pool.end();
});

test("a row of an unexpected form is an internal error without its values", async () => {
  await db.inRolledBackTransaction(migrated, async (client) => {
    await client.query("alter table users alter created_at type text");
    await client.query("insert into users (clerk_id, email) values ('user_a', $1)", [secret]);
    const error = await readError(
      () => db.listUsers(client, { filter: {}, cursor: undefined, limit: 1 }),
      migrated,
    );
    expect(error).toMatchObject({ code: "internal" });
  });
});

test("a refused row is reported without its values", async () => {
  await db.inRolledBackTransaction(migrated, async (client) => {
    await client.query("alter table users add constraint app_rule check (email is null)");
    const error = await readError(
      () => db.applySnapshots(client, [makeSnapshot({ email: secret })]),
      migrated,
    );
    expect(error).toMatchObject({ code: "user.rejected", message: expect.stringContaining("app_rule") });
  });
});
