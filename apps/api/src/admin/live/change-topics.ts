import type { ActivityView, LiveTopic } from "@rollcall/contracts";
import { withTimeout } from "@rollcall/contracts";
import { type ChangeMarks, readChangeMarks } from "@rollcall/db";
import type { Services } from "@rollcall/runtime";

/** Which parts of the console changed, for all streams of this process. */
export type ChangeTopics = {
  note(events: readonly ActivityView[]): void;
  noteTopic(topic: LiveTopic): void;
  /** Compares what changes without an event. Never rejects, and does nothing while an earlier call is under way. */
  compare(): Promise<void>;
  /** The topics that are due, each once. */
  take(): LiveTopic[];
};

/** Reading these parts costs more, and in a busy system they change all the time. */
const slowTopics: Partial<Record<LiveTopic, number>> = {
  overview: 2_000,
  users: 5_000,
  organizations: 5_000,
};
/** The ages and rates of the overview change without any event. */
const overviewEveryMs = 10_000;
const askTimeoutMs = 1_000;

export function createChangeTopics({ pool, backend }: Pick<Services, "pool" | "backend">): ChangeTopics {
  const pending = new Set<LiveTopic>();
  const takenAtMs = new Map<LiveTopic, number>();
  let marks: Partial<ChangeMarks> = {};
  let deadLetters: number | undefined;
  let isComparing = false;

  /** The first answer is what the pages have just read. */
  function compareMarks(next: ChangeMarks): void {
    for (const topic of ["runs", "alerts", "bulk"] as const) {
      if (marks[topic] !== undefined && marks[topic] !== next[topic]) noteTopic(topic);
    }
    marks = next;
  }

  function compareDeadLetters(count: number): void {
    if (deadLetters !== undefined && deadLetters !== count) noteTopic("dead-letters");
    deadLetters = count;
  }

  function noteTopic(topic: LiveTopic): void {
    pending.add(topic);
    pending.add("overview");
  }

  return {
    note: (events) => {
      for (const event of events) for (const topic of topicsOf(event)) noteTopic(topic);
    },
    noteTopic,
    compare: async () => {
      if (isComparing) return;
      isComparing = true;
      await Promise.allSettled([
        withTimeout(readChangeMarks(pool), askTimeoutMs).then(compareMarks),
        withTimeout(backend.readStats("dead-letter"), askTimeoutMs).then(({ jobs }) =>
          compareDeadLetters(jobs.waiting),
        ),
      ]);
      isComparing = false;
    },
    take: () => {
      const nowMs = performance.now();
      if (nowMs - (takenAtMs.get("overview") ?? nowMs) > overviewEveryMs) pending.add("overview");
      const due = [...pending].filter(
        (topic) => nowMs - (takenAtMs.get(topic) ?? Number.NEGATIVE_INFINITY) >= (slowTopics[topic] ?? 0),
      );
      for (const topic of due) {
        pending.delete(topic);
        takenAtMs.set(topic, nowMs);
      }
      return due;
    },
  };
}

/** The kinds of events, by their beginnings. */
const topicsByPrefix: readonly [string, LiveTopic][] = [
  ["user_", "users"],
  ["mentorado_", "users"],
  ["tier_", "users"],
  ["role_", "users"],
  ["organization_", "organizations"],
  ["membership_", "organizations"],
  ["conflict_", "conflicts"],
  ["dead_letter_", "dead-letters"],
  ["reconcile_", "runs"],
  ["deletion", "runs"],
  ["bulk_", "bulk"],
  ["operator_", "operators"],
];

function topicsOf({ kind, cause, ref }: ActivityView): LiveTopic[] {
  const found = topicsByPrefix.filter(([prefix]) => kind.startsWith(prefix)).map(([, topic]) => topic);
  return cause === "admin" && ref !== null ? [...found, "audit"] : found;
}
