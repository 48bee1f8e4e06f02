import { type Happening, happeningSchema } from "@rollcall/clerk-simulator";
import { type LogLine, readLogLine } from "./log-line.ts";
import { createRecent } from "./recent.ts";

export type Tone = "plain" | "good" | "bad";
export type Tell = (tone: Tone, sentence: string) => void;

export type Narrator = {
  /** A line of the api's or the worker's log. */
  readLog(text: string): void;
  /** A message of the simulator's. */
  readHappening(message: unknown): void;
};

type NarratorOptions = {
  tell: Tell;
  /** Told of each user whose profile was made, and by which cause. */
  onProvisioned(userId: string, cause: string): void;
};

const remembered = 5_000;
const repeatAfterMs = 30_000;

/** Turns what the parts write into sentences for a person who watches. Ids and causes are the parts' own. */
export function createNarrator({ tell, onProvisioned }: NarratorOptions): Narrator {
  const names = createRecent<string>(remembered);
  const signUps = createRecent<number>(remembered);
  const deliveries = createRecent<{ type: string; userId: string }>(remembered);
  const sentAt = createRecent<number>(100);
  const runModes = createRecent<string>(100);

  const nameOf = (userId: string | undefined) => (userId && names.get(userId)) ?? userId ?? "somebody";

  function readHappening(message: unknown): void {
    const { data: happening } = happeningSchema.safeParse(message);
    if (happening?.kind === "person") tellPerson(happening);
    else if (happening?.kind === "webhook") tellWebhook(happening);
  }

  function tellPerson({ change, userId, name, atMs }: Extract<Happening, { kind: "person" }>): void {
    names.set(userId, name);
    if (change === "created") signUps.set(userId, atMs);
    tell("plain", `${name} ${personSentences[change]}`);
  }

  function tellWebhook({ id, type, userId, state, copies }: Extract<Happening, { kind: "webhook" }>): void {
    deliveries.set(id, { type, userId });
    const what = `${type} of ${nameOf(userId)}`;
    if (state === "lost") tell("bad", `Webhook lost: ${what} never reaches Rollcall`);
    else if (state === "failed") tell("bad", `Webhook given up after its last retry: ${what}`);
    else if (state === "waiting" && copies > 1) tell("plain", `Webhook sent ${copies} times over: ${what}`);
  }

  const tellers: Readonly<Record<string, (line: LogLine) => void>> = {
    webhook_accepted: tellDelivered,
    mentorado_created: tellProvisioned,
    mentorado_linked: tellProvisioned,
    user_synced: tellSynced,
    user_tombstoned: tellSynced,
    reconcile_started: ({ runId, mode }) => runModes.set(String(runId), mode ?? "unknown"),
    reconcile_succeeded: tellCompared,
    reconcile_held: ({ counts }) =>
      tell(
        "bad",
        `${counts?.["held"]} people are gone from Clerk at once: nobody is deleted until a person confirms it`,
      ),
    mentorado_creation_failed: ({ clerkId, code }) =>
      tell("bad", `${nameOf(clerkId)} could not be provisioned (${code}); it is tried again`),
    outage_ended: ({ code }) => tell("plain", `The dependency is back (${code}); what waited goes on`),
    dead_letter_moved: ({ queue, code }) =>
      tell("bad", `A job of queue ${queue} is a dead letter now (${code}); see the board`),
  };

  function readLog(text: string): void {
    const line = readLogLine(text);
    if (line) (tellers[line.event] ?? tellTrouble)(line);
  }

  function tellDelivered({ type = "unknown", delivery }: LogLine): void {
    const known = delivery === undefined ? undefined : deliveries.get(delivery);
    // The real Clerk's deliveries are met here first; what type one had is asked for later.
    if (delivery && !known) deliveries.set(delivery, { type, userId: "" });
    tell("plain", `Webhook delivered: ${type}${known?.userId ? ` of ${nameOf(known.userId)}` : ""}`);
  }

  function tellProvisioned(line: LogLine): void {
    const { clerkId = "" } = line;
    const cause = causeOf(line);
    onProvisioned(clerkId, cause);
    const signedUpAtMs = signUps.get(clerkId);
    const after =
      signedUpAtMs === undefined ? "" : ` ${describeMs(line.time - signedUpAtMs)} after signing up`;
    tell("good", `${nameOf(clerkId)} provisioned${after}, by ${describeCause(cause)}`);
  }

  /** Not of each catch-up, which mostly finds nothing: whom it finds has a sentence already. */
  function tellCompared({ mode, dryRun, seen = 0, counts = {} }: LogLine): void {
    if (mode !== "full" || dryRun || seen === 0) return;
    const mended = ["created", "linked", "updated", "deleted"].reduce(
      (sum, name) => sum + (counts[name] ?? 0),
      0,
    );
    const failed = counts["failed"] ?? 0;
    const found = [
      ...(mended > 0 ? [`${mended} not in step, and mended`] : []),
      ...(failed > 0 ? [`${failed} could not be mended`] : []),
    ];
    const outcome = found.length === 0 ? "all are in step" : found.join("; ");
    tell(
      failed > 0 ? "bad" : "plain",
      `A full run compared everybody with Clerk, ${seen} in all: ${outcome}`,
    );
  }

  function tellSynced(line: LogLine): void {
    const sentence = syncSentences[line.outcome ?? ""];
    if (sentence) tell("plain", `${nameOf(line.clerkId)} ${sentence} (by ${describeCause(causeOf(line))})`);
  }

  /** An outage is written down with every job that meets it; one sentence in a while is enough. */
  function tellTrouble({ event, code, queue, time }: LogLine): void {
    const sentence = troubleSentences[event];
    if (sentence === undefined) return;
    const key = [event, code, queue].join(" ");
    if (time - (sentAt.get(key) ?? 0) < repeatAfterMs) return;
    sentAt.set(key, time);
    tell(event.endsWith("_back") ? "good" : "bad", sentence(code ?? queue ?? ""));
  }

  /** A login's webhook and a change's have the same cause; which it was, its delivery says. So for runs their mode. */
  function causeOf({ cause = "unknown", delivery, runId }: LogLine): string {
    if (cause === "reconcile") return runModes.get(String(runId)) ?? cause;
    const isLogin = delivery !== undefined && deliveries.get(delivery)?.type === "session.created";
    return cause === "webhook" && isLogin ? "login" : cause;
  }

  return { readLog, readHappening };
}

const personSentences = {
  created: "signed up",
  updated: "changed at Clerk",
  deleted: "was deleted at Clerk",
  "signed-in": "signed in",
} as const;

const syncSentences: Readonly<Record<string, string>> = {
  kept: "is in step",
  tombstoned: "has only a tombstone left",
  banned: "is marked as banned, without a new profile",
  admin: "is an admin, without a profile",
  absent: "is unknown to Clerk",
};

const troubleSentences: Readonly<Record<string, (what: string) => string>> = {
  outage_began: (code) => `A dependency is away (${code}): work waits for it, nothing is lost`,
  postgres_lost: () => "Postgres does not answer the api",
  postgres_back: () => "Postgres answers the api again",
  queue_lost: (queue) => `Queue ${queue} is not reached; trying again`,
  webhook_refused: () => "A webhook was refused: it is not signed by our secret",
  webhook_unavailable: () => "A webhook was not taken, since no queue takes it; Clerk sends it again",
  reconcile_failed: (code) => `Comparing with Clerk failed (${code}); it is tried again`,
  request_failed: () => "A request failed; the api's log says why",
};

const causeNames: Readonly<Record<string, string>> = {
  webhook: "webhook",
  login: "the webhook of a login",
  ensure: "the app's ensure call",
  "catch-up": "the catch-up",
  full: "the full run",
  // Deletions that nobody told of: only full runs find them.
  reconcile: "the full run",
};

function describeCause(cause: string): string {
  return causeNames[cause] ?? cause;
}

function describeMs(ms: number): string {
  return ms < 10_000 ? `${Math.max(0, Math.round(ms))} ms` : `${Math.round(ms / 1_000)} s`;
}
