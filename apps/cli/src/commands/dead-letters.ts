import { discardRequest, type ReplayRequest, replayRequest } from "@rollcall/contracts";
import {
  countDeadLetters,
  listDeadLetters,
  type Producer,
  type StoredDeadLetter,
  viewDeadLetter,
} from "@rollcall/jobs";
import { discardDeadLetters, replayDeadLetters } from "@rollcall/sync";
import { nameCaller } from "../caller.ts";
import { type Command, type CommandInput, UsageError } from "../command.ts";
import type { CliContext } from "../context.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { printJson, printLines } from "../print.ts";
import { readTyped } from "../read-typed.ts";
import { printDeadLetters } from "./print-dead-letters.ts";

export const deadLetters: Command = {
  synopsis: "dead-letters [replay|discard] [<id>…]",
  summary: "jobs that cannot succeed: list them, do them again, or give them up",
  options: {
    code: { type: "string" },
    all: { type: "boolean" },
    reason: { type: "string" },
  },
  optionHelp: [
    ["--code <code>", "list or replay only those of one error code"],
    ["--all", "replay all of them"],
    ["--reason <text>", "why they are discarded, in a few words and without emails"],
  ],
  run: (input, open) => {
    const [action, ...ids] = input.words;
    switch (action) {
      case undefined:
        return list(input, () => open().context);
      case "replay":
        return replay(input, ids, () => open().context);
      case "discard":
        return discard(input, ids, () => open().context);
      default:
        throw new UsageError(`dead-letters knows replay and discard, and not ${action}.`);
    }
  },
};

/** More than a terminal shows; `--json` with a code narrows it down. */
const mostListed = 200;

async function list({ options, json }: CommandInput, open: () => CliContext): Promise<ExitCode> {
  if (options["all"] === true || options["reason"] !== undefined)
    throw new UsageError("--all and --reason go with replay and discard.");
  const wanted = typeof options["code"] === "string" ? { code: options["code"] } : {};
  // A code that does not exist would look like one without dead letters.
  if (wanted.code !== undefined) readTyped(replayRequest, wanted);
  const { producers, backend } = open();
  // One after the other: reading the queue waits for the connection, counting does not.
  const items = await readNewest(producers["dead-letter"], wanted.code);
  const all = await countDeadLetters(backend);
  const views = items.map(viewDeadLetter);
  const counts = all.filter(({ code, count }) => count > 0 && code === (wanted.code ?? code));
  if (json) printJson({ counts, items: views });
  else printLines(printDeadLetters(views, counts));
  return exitCodes.done;
}

/** A page of one code may be short, and still have a next one. */
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

async function replay(
  { options, json }: CommandInput,
  ids: readonly string[],
  open: () => CliContext,
): Promise<ExitCode> {
  if (ids.length === 0 && options["code"] === undefined && options["all"] !== true)
    throw new UsageError("replay needs the ids of dead letters, --code <code> or --all.");
  const wish = readTyped(replayRequest, {
    ...(ids.length > 0 ? { ids } : {}),
    ...(options["code"] === undefined ? {} : { code: options["code"] }),
    ...(options["all"] === true ? { all: true } : {}),
  });
  const context = open();
  const total = { replayed: 0, refused: [] as { id: string; code: string }[] };
  let more = true;
  while (more) {
    const done = await replayDeadLetters(context, wish, nameCaller());
    total.replayed += done.replayed;
    total.refused.push(...done.refused);
    // Those that die again while we go on are for the next call: without a mend it would never end.
    more = done.more && total.replayed < mostReplayed(wish);
    if (more) process.stderr.write(`${total.replayed} replayed so far\n`);
  }
  const text = [
    `${total.replayed} replayed: each is a new job now, and comes back here if it fails again.`,
    ...total.refused.map(({ id, code }) => `${id}: ${code}, nothing was done`),
  ];
  if (json) printJson(total);
  else printLines(text);
  return total.refused.length === 0 ? exitCodes.done : exitCodes.failed;
}

function mostReplayed(wish: ReplayRequest): number {
  return wish.ids?.length ?? 100_000;
}

async function discard(
  { options, json }: CommandInput,
  ids: readonly string[],
  open: () => CliContext,
): Promise<ExitCode> {
  if (typeof options["reason"] !== "string") throw new UsageError("discard needs --reason, in a few words.");
  if (ids.length === 0) throw new UsageError("discard needs the ids of dead letters: it takes no --code.");
  const wish = readTyped(discardRequest, { ids, reason: options["reason"] });
  const done = await discardDeadLetters(open(), wish, nameCaller());
  const text = [
    `${done.discarded} discarded.`,
    ...done.refused.map(({ id, code }) => `${id}: ${code}, nothing was done`),
  ];
  if (json) printJson(done);
  else printLines(text);
  return done.refused.length === 0 ? exitCodes.done : exitCodes.failed;
}
