import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { applyRoles } from "../../tests/harness/roles.ts";
import { type Cluster, migrateDatabase, startCluster, withClient } from "../stage/postgres.ts";
import { type App, type AppName, apps } from "./apps.ts";
import { installRecorder } from "./invariants/recorder.ts";
import type { Plan } from "./plan/plan.ts";
import { describeFailure, describeRun } from "./report.ts";
import { runChaos } from "./run-chaos.ts";
import { appendRun, changed, hasVerdict, keyOf, type RunRecord, readRuns } from "./series/run-record.ts";
import { describeShortened, shortenPlan } from "./shorten/shorten-plan.ts";
import { writeConfiguration } from "./stage/stage.ts";

type Options = {
  plans: readonly Plan[];
  /** The number of events that the plans were drawn for. */
  events: number;
  /** The app of all plans. */
  app: AppName;
  root: string;
  /** The folder of a second build, for one api and one worker. */
  otherRoot: string | undefined;
  redisBinary: string | undefined;
  /** The file of the series. Runs that it holds are left out. */
  record: string | undefined;
  /** A run that the file holds for another commit is left out too. */
  anyCommit: boolean;
  /** The most runs in search of a shorter plan that breaks the same invariant. */
  shorten: number;
  /** Logs and data of successful runs are kept too. */
  keep: boolean;
  signal: AbortSignal;
  say: (line: string) => void;
};

/** Runs plans on one Postgres server. The logs of a failed run are kept. @returns the number of failed runs */
export async function runSeeds(options: Options): Promise<number> {
  const { app, root, otherRoot, record, say } = options;
  const commit = await readCommit(root);
  const otherCommit = otherRoot === undefined ? undefined : await readCommit(otherRoot);
  const known = record === undefined ? [] : readRuns(record);
  const plans = options.plans.filter(
    (plan) =>
      !hasVerdict(known, keyOf(plan, options.events, otherCommit), options.anyCommit ? undefined : commit),
  );
  if (plans.length < options.plans.length)
    say(`${options.plans.length - plans.length} of ${options.plans.length} runs are in ${record}`);
  if (plans.length === 0) return 0;
  const cluster = await startCluster((databaseUrl) => prepareDatabase(root, databaseUrl, apps[app]));
  let failures = 0;
  try {
    for (const plan of plans) {
      const holds = await runOne(options, cluster, plan, { commit, otherCommit });
      if (!holds) failures += 1;
    }
  } finally {
    await cluster.stop();
  }
  return failures;
}

type Commits = { commit: string; otherCommit: string | undefined };

/** @returns whether every invariant held */
async function runOne(
  { root, otherRoot, redisBinary, events, record, shorten, keep, signal, say }: Options,
  cluster: Cluster,
  plan: Plan,
  { commit, otherCommit }: Commits,
): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), `rollcall-chaos-${plan.backend}-${plan.seed}-`));
  const startedAtMs = Date.now();
  const note = (facts: Pick<RunRecord, "result" | "broken" | "faults">) => {
    if (record === undefined) return;
    const at = new Date().toISOString();
    const seconds = Math.round((Date.now() - startedAtMs) / 1_000);
    const load = Math.round((loadavg()[0] ?? 0) * 10) / 10;
    appendRun(record, { ...keyOf(plan, events, otherCommit), commit, ...facts, seconds, load, at });
  };
  const run = { plan, root, otherRoot, folder, cluster, redisBinary, signal };
  const report = await runChaos(run).catch((error: unknown) => {
    if (!signal.aborted) note({ result: "error", broken: [String(error)], faults: 0 });
    throw error;
  });
  say(describeRun(plan, report, (Date.now() - startedAtMs) / 1_000));
  const broken = [...new Set(report.violations.map(({ invariant }) => invariant))];
  const faults = report.faults.injected;
  note(broken.length === 0 ? { result: "held", faults } : { result: "broken", broken, faults });
  if (broken.length === 0) {
    if (keep) say(`  logs and data are kept in ${folder}`);
    else await rm(folder, { recursive: true, force: true });
    return true;
  }
  for (const line of describeFailure(plan, report, commit, folder)) say(line);
  if (shorten === 0) return false;
  const fails = async (shorter: Plan) => {
    const place = await mkdtemp(join(tmpdir(), `rollcall-chaos-shorter-${plan.seed}-`));
    const { violations } = await runChaos({ ...run, plan: shorter, folder: place });
    await rm(place, { recursive: true, force: true });
    return violations.some(({ invariant }) => invariant === broken[0]);
  };
  for (const line of describeShortened(plan, await shortenPlan(plan, fails, shorten))) say(line);
  return false;
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
    const changes = await git("status", "--porcelain", "--untracked-files=no");
    return `${await git("rev-parse", "--short", "HEAD")}${changes === "" ? "" : changed}`;
  } catch {
    return "unknown";
  }
}
