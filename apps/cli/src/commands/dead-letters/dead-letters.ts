import { Option } from "@commander-js/extra-typings";
import {
  type DeadLetterCount,
  type DeadLetterView,
  deadLetterQuery,
  discardRequest,
  type ReplayRequest,
  replayRequest,
} from "@rollcall/contracts";
import {
  countDeadLetters,
  listDeadLetters,
  type Producer,
  type StoredDeadLetter,
  viewDeadLetter,
} from "@rollcall/jobs";
import { discardDeadLetters, replayDeadLetters } from "@rollcall/sync";
import { type Cli, exitCodes, jsonOption, readTyped } from "../../cli.ts";
import { formatTable, say } from "../../print.ts";

export function addDeadLetters(cli: Cli, group: string): void {
  const deadLetters = cli.program
    .command("dead-letters")
    .helpGroup(group)
    .enablePositionalOptions()
    .option("--code <code>", "list only those with this error code")
    .addOption(jsonOption)
    .description("list the jobs that failed for good; replay or discard them")
    .action(async (options, command) => {
      // A code that does not exist would look like a code without dead letters.
      const code = readTyped(command, "--code", deadLetterQuery.shape.code, options.code);
      await list(cli, code);
    });

  deadLetters
    .command("replay")
    .argument("[ids...]", "the dead letters")
    .addOption(new Option("--code <code>", "replay those with this error code").conflicts("all"))
    .option("--all", "replay every dead letter")
    .addOption(jsonOption)
    .description("do the work again as new jobs; name ids, --code or --all")
    .action(async (ids, { code, all }, command) => {
      const named = {
        ...(ids.length > 0 && { ids }),
        ...(code !== undefined && { code }),
        ...(all && { all }),
      };
      if (Object.keys(named).length !== 1) command.error("replay takes either ids, --code <code> or --all");
      await replay(cli, readTyped(command, "replay", replayRequest, named));
    });

  deadLetters
    .command("discard")
    .argument("<ids...>", "the dead letters")
    .requiredOption("--reason <text>", "the reason in a few words, without emails")
    .addOption(jsonOption)
    .description("drop dead letters; the timeline keeps the reason")
    .action(async (typed, options, command) => {
      const ids = readTyped(command, "<ids...>", discardRequest.shape.ids, typed);
      const reason = readTyped(command, "--reason", discardRequest.shape.reason, options.reason);
      const { services, system } = cli.open();
      const { discarded, refused } = await discardDeadLetters(services, { ids, reason }, cli.caller);
      cli.print({ discarded, refused }, () => [
        `${discarded} discarded from the queues of ${system}.`,
        ...describeRefused(refused),
      ]);
      if (refused.length > 0) process.exitCode = exitCodes.failed;
    });
}

/** `--json` prints all of these, a terminal fewer. */
const mostListed = 200;
const mostShown = 50;

async function list({ open, print }: Cli, wanted: string | undefined): Promise<void> {
  const { producers, backend } = open().services;
  // One after the other: reading the queue waits for the connection, counting does not.
  const stored = await readNewest(producers["dead-letter"], wanted);
  const all = await countDeadLetters(backend);
  const items = stored.map((letter) => viewDeadLetter(letter));
  const counts = all.filter(({ code, count }) => count > 0 && code === (wanted ?? code));
  print({ counts, items }, () => describe(items, counts));
}

/** A page of one code may be short, and still have a next page. */
async function readNewest(queue: Producer, code: string | undefined): Promise<StoredDeadLetter[]> {
  const items: StoredDeadLetter[] = [];
  let cursor: string | undefined;
  do {
    const page = await listDeadLetters(queue, { code, cursor, limit: mostListed - items.length });
    items.push(...page.items);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined && items.length < mostListed);
  return items;
}

/** The count of each code, then the newest dead letters. They hold ids and codes only. */
function describe(items: readonly DeadLetterView[], counts: readonly DeadLetterCount[]): string[] {
  if (items.length === 0) return ["No dead letters."];
  const total = counts.reduce((sum, { count }) => sum + count, 0);
  const rows = items
    .slice(0, mostShown)
    .map((letter) => [
      letter.id,
      letter.code,
      `${letter.queue} ${letter.kind}`,
      letter.clerkId ?? letter.delivery?.svixId ?? "no user",
      letter.failedAt,
      letter.replayable ? "" : "not replayable",
    ]);
  const shown = rows.length < total ? ` (the newest ${rows.length} of ${total})` : "";
  return [
    ...formatTable(counts.map(({ code, count }) => [count, code])),
    "",
    `Dead letters${shown}`,
    ...formatTable([["id", "code", "job", "about", "failed", ""], ...rows]),
    "",
    "Each code and its fix: docs/RUNBOOK.md",
  ];
}

async function replay({ open, print, caller }: Cli, wish: ReplayRequest): Promise<void> {
  const { services } = open();
  const total = { replayed: 0, refused: [] as { id: string; code: string }[] };
  let more = true;
  while (more) {
    const done = await replayDeadLetters(services, wish, caller);
    total.replayed += done.replayed;
    total.refused.push(...done.refused);
    // Jobs that fail again meanwhile are left for the next call. Without a fix of the cause this would never end.
    more = done.more && done.replayed > 0 && total.replayed < mostReplayed(wish);
    if (more) say(`${total.replayed} replayed so far`);
  }
  print(total, () => [
    `${total.replayed} replayed. Each is a new job, and becomes a dead letter again if it fails again.`,
    ...describeRefused(total.refused),
  ]);
  if (total.refused.length > 0) process.exitCode = exitCodes.failed;
}

function mostReplayed(wish: ReplayRequest): number {
  return wish.ids?.length ?? 100_000;
}

function describeRefused(refused: readonly { id: string; code: string }[]): string[] {
  return refused.map(({ id, code }) => `${id}: ${code}, nothing was changed`);
}
