import { existsSync, writeFileSync } from "node:fs";
import {
  EnvironmentError,
  type Mapping,
  mappingFileName,
  parseMapping,
  readEnvironment,
  variables,
} from "@rollcall/contracts";
import {
  createPool,
  type MigrationPlan,
  type Pool,
  type Proposal,
  planMigration,
  proposeMapping,
  readCatalog,
} from "@rollcall/db";
import { loadMapping } from "@rollcall/runtime";
import { type Cli, type Environment, exitCodes, jsonOption } from "../../cli.ts";
import { readMapping } from "../../config.ts";
import { formatTable } from "../../print.ts";

/** In the working directory. */
const file = mappingFileName;

/** The search for duplicates reads whole tables. */
const longestStatementMs = 10 * 60_000;

export function addInit({ program, readEnvironment: read, print }: Cli, group: string): void {
  program
    .command("init")
    .helpGroup(group)
    .addOption(jsonOption)
    .description(`look at the app's tables and propose their mapping as ${file}, which it never overwrites`)
    .option("--print-sql", "print what migrate will do for the mapping, and write no file")
    .option("--organizations", "turn organizations on even if no table holds them: Rollcall makes its own")
    .action(async ({ printSql, organizations }) => {
      const environment = read();
      if (printSql) {
        const plan = await planFor(environment);
        print(plan, () => describePlan(plan));
        if (plan.problems.length > 0) process.exitCode = exitCodes.failed;
        return;
      }
      const result = await propose(environment, organizations === true);
      print(result, () => describeResult(result));
      if (result.written === null && !result.isDefault) process.exitCode = exitCodes.failed;
    });
}

function withPool<T>(
  environment: Environment,
  mapping: Mapping | undefined,
  work: (pool: Pool) => Promise<T>,
) {
  const { DATABASE_URL } = readEnvironment({ DATABASE_URL: variables.DATABASE_URL }, environment);
  const pool = createPool({
    // The database may be migrated with another mapping than the one that is being made.
    checksMapping: false,
    databaseUrl: DATABASE_URL,
    applicationName: "rollcall-init",
    ...(mapping && { mapping }),
    max: 1,
    queryTimeoutMs: longestStatementMs,
    onIdleError: () => undefined,
  });
  return work(pool).finally(() => pool.end());
}

const readProposal = (environment: Environment): Promise<Proposal> =>
  withPool(environment, undefined, async (pool) => proposeMapping(await readCatalog(pool)));

/** Of the mapping that is set, or of the file that init wrote, or of the proposal. @throws EnvironmentError */
async function planFor(environment: Environment): Promise<MigrationPlan> {
  const mapping = environment["ROLLCALL_CONFIG"]
    ? readMapping(environment)
    : existsSync(file)
      ? loadMapping(file)
      : (await readProposal(environment)).mapping;
  if (!mapping)
    throw new EnvironmentError(["There is no mapping yet: rollcall init says what it could not decide"]);
  return withPool(environment, mapping, planMigration);
}

function describePlan({ problems, statements, later }: MigrationPlan): string[] {
  if (problems.length > 0)
    return ["-- migrate would refuse, and change nothing:", ...problems.flatMap(toComment)];
  const alone = later.length === 0 ? [] : [largeTables, ...later.map((statement) => `${statement};`)];
  if (statements.length === 0) return alone.length > 0 ? alone : ["-- Nothing to apply."];
  return [
    "-- migrate runs these statements in one transaction. Before its end it writes invented users and rolls them back.",
    "-- With queues on Postgres, BullMQ then makes its own tables in schema bullmq.",
    "begin;",
    ...statements.flatMap((statement) => `${statement.trim().replace(/;$/, "")};`.split("\n")),
    "commit;",
    ...alone,
  ];
}

const largeTables = "-- Each of these is alone, so that your app can write to its large tables meanwhile.";

const toComment = (text: string): string[] => text.split("\n").map((line) => `--   ${line}`);

type Result = Proposal & {
  /** What this version does not carry out, and what migrate would refuse. */
  problems: readonly string[];
  /** The file, if it was written. */
  written: string | null;
};

async function propose(environment: Environment, turnsOn: boolean): Promise<Result> {
  const read = await readProposal(environment);
  const proposal = turnsOn ? turnOn(read) : read;
  const { mapping } = proposal;
  if (!mapping) return { ...proposal, problems: [], written: null };
  const plan = await withPool(environment, mapping, planMigration);
  const text = `${JSON.stringify(mapping, null, 2)}\n`;
  const problems = [...findUnsupported(text), ...plan.problems];
  if (proposal.isDefault) return { ...proposal, problems, written: null };
  return { ...proposal, problems, written: write(text) ? file : null };
}

/** The default tables need a file then. */
function turnOn(proposal: Proposal): Proposal {
  const { mapping, organizationsOff: _, ...rest } = proposal;
  if (!mapping || mapping.organizations) return proposal;
  return { ...rest, mapping: { ...mapping, organizations: {} }, isDefault: false };
}

function findUnsupported(text: string): readonly string[] {
  try {
    parseMapping(text, file);
    return [];
  } catch (error) {
    if (error instanceof EnvironmentError) return error.problems;
    throw error;
  }
}

/** @returns false if the file exists */
function write(text: string): boolean {
  try {
    writeFileSync(file, text, { flag: "wx" });
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}

function describeResult(result: Result): string[] {
  const { mapping, taken, undecided, problems, organizationsOff } = result;
  return [
    ...(taken.length > 0
      ? ["Taken:", ...formatTable(taken.map(({ field, column, why }) => [field, column, why]))]
      : []),
    ...describeList("Not decided:", undecided),
    ...describeList("To solve before migrate:", problems),
    ...(organizationsOff === undefined ? [] : ["", ...describeOff(organizationsOff)]),
    "",
    ...(mapping ? describeEnd(result) : ["No file was written."]),
  ];
}

function describeOff(reason: string): string[] {
  return [
    `Organizations stay off: ${reason}.`,
    `To turn them on, name your tables under organizations in ${file}, or run init --organizations, and Rollcall makes its own.`,
  ];
}

function describeList(title: string, lines: readonly string[]): string[] {
  return lines.length === 0
    ? []
    : ["", title, ...lines.flatMap((line) => line.split("\n")).map((line) => `  ${line}`)];
}

function describeEnd({ isDefault, written }: Result): string[] {
  if (isDefault) return ["These are the default tables: no file is needed. Next: npx rollcall migrate"];
  if (written === null)
    return [`${file} exists, and stays as it is. Delete it first to write what is taken now.`];
  return [
    `Wrote ${file}. Set ROLLCALL_CONFIG to its path in every process.`,
    "Next: rollcall init --print-sql shows what npx rollcall migrate will do.",
  ];
}
