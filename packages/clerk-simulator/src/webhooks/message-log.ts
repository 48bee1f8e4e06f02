import { z } from "zod";

/** The delivery of one event. The body is not kept. */
export type WebhookMessage = {
  /** The `svix-id`: the same for every attempt and every duplicate. */
  id: string;
  type: string;
  userId: string;
  createdAtMs: number;
  state: WebhookState;
  /** How often the event is delivered. */
  copies: number;
  attempts: WebhookAttempt[];
};

/** lost: not sent, on purpose. failed: the last retry failed. */
type WebhookState = "waiting" | "delivered" | "lost" | "failed";

/** `status` is null when no answer came; `error` then holds the reason. */
export type WebhookAttempt = { atMs: number; status: number | null; error: string | null };

export const messageFilterSchema = z.object({
  userId: z.string().optional(),
  type: z.string().optional(),
  state: z.enum(["waiting", "delivered", "lost", "failed"]).optional(),
});
export type MessageFilter = z.input<typeof messageFilterSchema>;

/** Counts since the start. `unsent`: events without an endpoint that is subscribed to their type. */
export type WebhookTotals = Record<WebhookState | "events" | "unsent" | "attempts", number>;

export type WebhookLog = {
  open(message: Pick<WebhookMessage, "id" | "type" | "userId" | "copies">): WebhookMessage;
  settle(message: WebhookMessage, state: WebhookState): void;
  attempt(message: WebhookMessage, attempt: WebhookAttempt): void;
  countUnsent(): void;
  list(filter?: MessageFilter): WebhookMessage[];
  totals(): WebhookTotals;
};

const keptMessages = 100_000;

/**
 * The latest messages, and counts of all messages. Older messages are dropped, so that a long run does not fill the memory.
 *
 * @param onState called for each new message and after each change of its state
 */
export function createWebhookLog(
  now: () => number,
  onState: (message: WebhookMessage) => void = () => {},
): WebhookLog {
  let messages: WebhookMessage[] = [];
  const totals: WebhookTotals = {
    events: 0,
    unsent: 0,
    attempts: 0,
    waiting: 0,
    delivered: 0,
    lost: 0,
    failed: 0,
  };

  function list({ userId, type, state }: MessageFilter = {}): WebhookMessage[] {
    return messages
      .filter((message) => userId === undefined || message.userId === userId)
      .filter((message) => type === undefined || message.type === type)
      .filter((message) => state === undefined || message.state === state)
      .map((message) => structuredClone(message));
  }

  return {
    open(fields) {
      const message: WebhookMessage = { ...fields, createdAtMs: now(), state: "waiting", attempts: [] };
      totals.events++;
      totals.waiting++;
      messages.push(message);
      if (messages.length >= 2 * keptMessages) messages = messages.slice(-keptMessages);
      onState(message);
      return message;
    },
    settle(message, state) {
      totals[message.state]--;
      totals[state]++;
      message.state = state;
      onState(message);
    },
    attempt(message, attempt) {
      totals.attempts++;
      message.attempts.push(attempt);
    },
    countUnsent() {
      totals.events++;
      totals.unsent++;
    },
    list,
    totals: () => ({ ...totals }),
  };
}
