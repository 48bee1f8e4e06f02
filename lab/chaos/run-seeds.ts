import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { applyRoles } from "../../tests/harness/roles.ts";
import { migrateDatabase, startCluster, withClient } from "../stage/postgres.ts";
import { type App, type AppName, apps } from "./apps.ts";
import { installRecorder } from "./invariants/recorder.ts";
import type { Plan } from "./plan/plan.ts";
import { describeFailure, describeRun } from "./report.ts";
import { runChaos } from "./run-chaos.ts";
import { writeConfiguration } from "./stage/stage.ts";

type Options = {
  plans: readonly Plan[];
  /** The app of all plans. */
  app: AppName;
  root: string;
  redisBinary: string | undefined;
  /** Logs and data of successful runs are kept too. */
  keep: boolean;
  signal: AbortSignal;
  say: (line: string) => void;
};

/** Runs plans on one Postgres server. The logs of a failed run are kept. @returns the number of failed runs */
export async function runSeeds({
  plans,
  app,
  root,
  redisBinary,
  keep,
  signal,
  say,
}: Options): Promise<number> {
  const commit = await readCommit(root);
  const cluster = await startCluster((databaseUrl) => prepareDatabase(root, databaseUrl, apps[app]));
  let failures = 0;
  try {
    for (const plan of plans) {
      const folder = await mkdtemp(join(tmpdir(), `rollcall-chaos-${plan.backend}-${plan.seed}-`));
      const startedAtMs = Date.now();
      const report = await runChaos({ plan, root, folder, cluster, redisBinary, signal });
      say(describeRun(plan, report, (Date.now() - startedAtMs) / 1_000));
      if (report.violations.length === 0) {
        if (keep) say(`  logs and data are kept in ${folder}`);
        else await rm(folder, { recursive: true, force: true });
        continue;
      }
      failures += 1;
      for (const line of describeFailure(plan, report, commit, folder)) say(line);
    }
  } finally {
    await cluster.stop();
  }
  return failures;
}

/** Makes the app's tables, applies the migrations of the build at `root`, and installs the recorder of changes. */
export async function prepareDatabase(root: string, databaseUrl: string, app: App): Promise<void> {
  const { tables } = app;
  if (tables !== undefined) await withClient(databaseUrl, (db) => db.query(tables));
  const folder = await mkdtemp(join(tmpdir(), "rollcall-chaos-mapping-"));
  try {
    await migrateUnderRoles(root, databaseUrl, app, await writeConfiguration(folder, app));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  await withClient(databaseUrl, async (db) => {
    await installRecorder(db, app.names);
    await db.query(copyTimeZone);
  });
}

/** Migrates with minimal rights, as the stage's processes then work. @param environment further variables */
export async function migrateUnderRoles(
  root: string,
  databaseUrl: string,
  { mapping }: Pick<App, "mapping">,
  environment: Readonly<Record<string, string>> = {},
): Promise<void> {
  const { migrator } = await applyRoles(databaseUrl, mapping);
  await migrateDatabase(root, migrator, environment);
  await applyRoles(databaseUrl, mapping);
}

/** The app's database is in its owner's zone for every role. */
const copyTimeZone = `
do $$ begin
  execute format('alter role rollcall_api set timezone = %L', current_setting('TimeZone'));
  execute format('alter role rollcall_worker set timezone = %L', current_setting('TimeZone'));
end $$`;

async function readCommit(root: string): Promise<string> {
  const git = async (...args: string[]) =>
    (await promisify(execFile)("git", ["-C", root, ...args])).stdout.trim();
  try {
    const changed = await git("status", "--porcelain", "--untracked-files=no");
    return `${await git("rev-parse", "--short", "HEAD")}${changed === "" ? "" : " with changes"}`;
  } catch {
    return "unknown";
  }
}
