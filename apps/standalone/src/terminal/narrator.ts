import { type Happening, happeningSchema } from "@rollcall/clerk-simulator";
import { nameProfileEvent, toPrintable } from "@rollcall/contracts";
import { z } from "zod";

export type Tone = "plain" | "good" | "bad";
export type ShowEvent = (tone: Tone, sentence: string) => void;

export type Narrator = {
  /** Reads a line of the api's or the worker's log. */
  readLog(text: string): void;
  /** Reads a message of the simulator. */
  readHappening(message: unknown): void;
};

type NarratorOptions = {
  show: ShowEvent;
  /** The word for a profile, with which its log events begin. Undefined without profiles: a row makes a user complete. */
  profileName: string | undefined;
  /** Whether Clerk is the simulator, which has no people at first. The real Clerk without users is a problem. */
  isSimulated?: boolean;
  /** Called for each new or linked profile, or without profiles for each new row, with its cause. */
  onProvisioned(userId: string, cause: string): void;
};

const remembered = 5_000;
const repeatAfterMs = 30_000;

/** Turns log lines and messages of the parts into sentences for the terminal. */
export function createNarrator({
  show: showPrintable,
  profileName,
  isSimulated = false,
  onProvisioned,
}: NarratorOptions): Narrator {
  // Names are as people wrote them at Clerk.
  const show: ShowEvent = (tone, sentence) => showPrintable(tone, toPrintable(sentence));
  const names = createRecent<string>(remembered);
  const signUps = createRecent<number>(remembered);
  const deliveries = createRecent<{ type: string; userId: string }>(remembered);
  const sentAt = createRecent<number>(100);
  const runModes = createRecent<string>(100);
  const withRow = createRecent<true>(remembered);
  const nameEvent = (what: "created" | "linked" | "creation_failed") =>
    nameProfileEvent(what, profileName ?? "mentorado");

  const nameOf = (userId: string | undefined) => (userId && names.get(userId)) ?? userId ?? "A user";

  function readHappening(message: unknown): void {
    const { data: happening } = happeningSchema.safeParse(message);
    if (happening?.kind === "person") showPerson(happening);
    else if (happening?.kind === "webhook") showWebhook(happening);
  }

  function showPerson({ change, userId, name, atMs }: Extract<Happening, { kind: "person" }>): void {
    names.set(userId, name);
    if (change === "created") signUps.set(userId, atMs);
    show("plain", `${name} ${personSentences[change]}`);
  }

  function showWebhook({ id, type, userId, state, copies }: Extract<Happening, { kind: "webhook" }>): void {
    deliveries.set(id, { type, userId });
    const what = `${type} of ${nameOf(userId)}`;
    if (state === "lost") show("bad", `Webhook lost: ${what} never reaches Rollcall`);
    else if (state === "failed") show("bad", `Webhook failed its last retry: ${what}`);
    else if (state === "waiting" && copies > 1) show("plain", `Webhook sent ${copies} times: ${what}`);
  }

  const readers: Readonly<Record<string, (line: LogLine) => void>> = {
    webhook_accepted: showDelivered,
    [nameEvent("created")]: showProvisioned,
    [nameEvent("linked")]: showProvisioned,
    user_synced: showSynced,
    user_tombstoned: showSynced,
    reconcile_started: ({ runId, mode }) => runModes.set(String(runId), mode ?? "unknown"),
    reconcile_succeeded: showCompared,
    reconcile_held: ({ counts }) =>
      show(
        "bad",
        `${counts?.["held"]} users are missing at Clerk at once: no user is deleted until a person confirms it`,
      ),
    [nameEvent("creation_failed")]: ({ clerkId, code }) =>
      show("bad", `${nameOf(clerkId)} could not be provisioned (${code}); the job is retried`),
    outage_ended: ({ code }) => show("plain", `The dependency is back (${code}); waiting jobs continue`),
    dead_letter_moved: ({ queue, code }) =>
      show("bad", `A job of queue ${queue} became a dead letter (${code}); see the board`),
  };

  function readLog(text: string): void {
    const line = readLogLine(text);
    if (line) (readers[line.event] ?? showProblem)(line);
  }

  function showDelivered({ type = "unknown", delivery }: LogLine): void {
    const known = delivery === undefined ? undefined : deliveries.get(delivery);
    // The real Clerk's deliveries appear here first. `causeOf` needs their type later.
    if (delivery && !known) deliveries.set(delivery, { type, userId: "" });
    show("plain", `Webhook delivered: ${type}${known?.userId ? ` of ${nameOf(known.userId)}` : ""}`);
  }

  function showProvisioned(line: LogLine): void {
    const { clerkId = "" } = line;
    const cause = causeOf(line);
    onProvisioned(clerkId, cause);
    const signedUpAtMs = signUps.get(clerkId);
    const after =
      signedUpAtMs === undefined ? "" : ` ${describeMs(line.time - signedUpAtMs)} after signing up`;
    show("good", `${nameOf(clerkId)} provisioned${after}, by ${describeCause(cause)}`);
  }

  /** Shows full syncs only. Most catch-ups find nothing, and each user that they find has a sentence already. */
  function showCompared({ mode, dryRun, seen = 0, counts = {} }: LogLine): void {
    if (mode !== "full" || dryRun || seen === 0) return;
    const corrected = ["created", "linked", "updated", "deleted"].reduce(
      (sum, name) => sum + (counts[name] ?? 0),
      0,
    );
    const failed = counts["failed"] ?? 0;
    const found = [
      ...(corrected > 0 ? [`${corrected} corrected`] : []),
      ...(failed > 0 ? [`${failed} could not be corrected`] : []),
    ];
    const outcome = found.length === 0 ? "all are in step" : found.join("; ");
    show(
      failed > 0 ? "bad" : "plain",
      `A full sync compared every user with Clerk, ${seen} in all: ${outcome}`,
    );
  }

  function showSynced(line: LogLine): void {
    const { clerkId = "", outcome } = line;
    // Without profiles, a new row has the outcome of every written row.
    if (profileName === undefined && outcome === "not_made" && signUps.get(clerkId) !== undefined) {
      const isNew = withRow.get(clerkId) === undefined;
      withRow.set(clerkId, true);
      if (isNew) {
        showProvisioned(line);
        return;
      }
    }
    const sentence = syncSentences[line.outcome ?? ""];
    if (sentence) show("plain", `${nameOf(line.clerkId)} ${sentence} (by ${describeCause(causeOf(line))})`);
  }

  /** Every job that meets an outage logs it. The terminal shows it once in 30 seconds. */
  function showProblem({ event, code, queue, time }: LogLine): void {
    const sentence = problemSentences[event];
    if (sentence === undefined) return;
    const isEmpty = isSimulated && code === "reconcile.list_empty";
    const key = [event, code, queue].join(" ");
    if (time - (sentAt.get(key) ?? 0) < repeatAfterMs) return;
    sentAt.set(key, time);
    if (isEmpty) show("plain", "The simulator has no people yet, so no user was compared; it is tried again");
    else show(event.endsWith("_back") ? "good" : "bad", sentence(code ?? queue ?? ""));
  }

  /** Logs call every webhook `webhook` and every run `reconcile`. The delivery's type and the run's mode say more. */
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
  not_made: "is in step",
  tombstoned: "has only a tombstone left",
  banned: "is marked as banned, without a new profile",
  admin: "is an admin, without a profile",
  absent: "is unknown to Clerk",
};

const problemSentences: Readonly<Record<string, (what: string) => string>> = {
  outage_began: (code) => `A dependency is away (${code}): jobs wait for it, nothing is lost`,
  postgres_lost: () => "Postgres does not answer the api",
  postgres_back: () => "Postgres answers the api again",
  queue_lost: (queue) => `Queue ${queue} cannot be reached; the connection is retried`,
  webhook_refused: () => "A webhook was refused: it is not signed with our secret",
  webhook_unavailable: () => "A webhook was refused because no queue accepts jobs; Clerk sends it again",
  reconcile_failed: (code) => `Comparing with Clerk failed (${code}); it is retried`,
  request_failed: () => "A request failed; the cause is in the api's log",
};

const causeNames: Readonly<Record<string, string>> = {
  webhook: "webhook",
  login: "the webhook of a login",
  ensure: "the app's ensure call",
  "catch-up": "the catch-up",
  full: "the full sync",
  // A line without a run's id is a deletion, and only full syncs find deletions.
  reconcile: "the full sync",
};

function describeCause(cause: string): string {
  return causeNames[cause] ?? cause;
}

function describeMs(ms: number): string {
  return ms < 10_000 ? `${Math.max(0, Math.round(ms))} ms` : `${Math.round(ms / 1_000)} s`;
}

const lineSchema = z.looseObject({
  event: z.string(),
  time: z.number(),
  clerkId: z.string().optional(),
  cause: z.string().optional(),
  outcome: z.string().optional(),
  /** The svix-id. */
  delivery: z.string().optional(),
  type: z.string().optional(),
  code: z.string().optional(),
  queue: z.string().optional(),
  /** For lines of a reconcile run. */
  runId: z.coerce.number().optional(),
  mode: z.string().optional(),
  dryRun: z.boolean().optional(),
  seen: z.number().optional(),
  counts: z.record(z.string(), z.number()).optional(),
});

/** The fields of a part's log line that are shown. */
type LogLine = z.infer<typeof lineSchema>;

/** Undefined for a line that is not an event in JSON. */
function readLogLine(text: string): LogLine | undefined {
  if (!text.startsWith("{")) return undefined;
  try {
    return lineSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** A map that drops its oldest entries above a limit. */
type Recent<Value> = {
  set(key: string, value: Value): void;
  get(key: string): Value | undefined;
};

function createRecent<Value>(limit: number): Recent<Value> {
  const entries = new Map<string, Value>();
  return {
    set(key, value) {
      entries.delete(key);
      entries.set(key, value);
      for (const oldest of entries.keys()) {
        if (entries.size <= limit) break;
        entries.delete(oldest);
      }
    },
    get: (key) => entries.get(key),
  };
}
