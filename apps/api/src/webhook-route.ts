import type { Delivery } from "@rollcall/clerk";
import {
  type ActedOnEventType,
  AppError,
  actedOnEventTypes,
  organizationEventTypes,
  type WebhookAnswer,
  webhookPath,
} from "@rollcall/contracts";
import {
  addOrganizationJob,
  addSyncJob,
  type OrganizationJob,
  quarantineDelivery,
  type SyncJob,
} from "@rollcall/jobs";
import type { FastifyInstance, FastifyReply } from "fastify";
import type { ApiContext } from "./context.ts";

declare module "fastify" {
  interface FastifyReply {
    /** Only replies of the webhook route have it. */
    isDeliveryRead?: boolean;
  }
}

const maxBodyBytes = 256 * 1024;
/** Below the 2 s within which the route must answer. */
const enqueueDeadlineMs = 1_800;

const kinds = {
  "user.created": "refresh",
  // A sign-up that Clerk's edge accepted; it describes the same user.
  "user.createdAtEdge": "refresh",
  "user.updated": "refresh",
  "user.deleted": "delete",
  "session.created": "provision",
} as const satisfies Record<ActedOnEventType, SyncJob["kind"]>;

/** `POST /api/webhooks/clerk`: a signed delivery becomes a sync job. The answer is 2xx only after the job is in the queue. */
export function registerWebhookRoute(app: FastifyInstance, context: ApiContext): void {
  const { readDelivery } = context;
  app.register(async (scope) => {
    scope.decorateReply("isDeliveryRead", false);
    // The signature covers the raw bytes, so nothing may parse them before.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("application/json", { parseAs: "buffer" }, (_request, body, done) => {
      done(null, body);
    });
    scope.addHook("onRequest", (_request, _reply, done) => {
      done(readDelivery ? undefined : new AppError("webhook.not_configured", "No signing secret"));
    });
    scope.addHook("onResponse", (_request, reply, done) => {
      context.metrics.observe("rollcall_webhook_seconds", {}, reply.elapsedTime / 1_000);
      // Answered before the delivery was read: 413, 415, 429, or 503 without a signing secret.
      if (!reply.isDeliveryRead) countUnread(context, reply.statusCode);
      done();
    });
    scope.post(webhookPath, { bodyLimit: maxBodyBytes }, async (request, reply) => {
      if (!Buffer.isBuffer(request.body))
        throw new AppError("request.unsupported_media_type", "No JSON body");
      const delivery: Delivery = readDelivery?.(request.headers, request.body) ?? noSecret;
      reply.isDeliveryRead = true;
      return answerDelivery(context, delivery, reply);
    });
  });
}

/** The route refuses every delivery before, when there is no secret. */
const noSecret: Delivery = { kind: "refused", reason: "signature" };

const unreadOutcomes = new Map([
  [413, "too_large"],
  [415, "unsupported_media_type"],
  [429, "rate_limited"],
  [503, "not_configured"],
]);

function countUnread({ metrics }: ApiContext, status: number): void {
  metrics.count("rollcall_webhooks_total", {
    type: "other",
    outcome: unreadOutcomes.get(status) ?? "malformed",
  });
}

async function answerDelivery(
  context: ApiContext,
  delivery: Delivery,
  reply: FastifyReply,
): Promise<WebhookAnswer> {
  const count = (outcome: string) => countWebhook(context, delivery, outcome);
  try {
    const answer = await decideAnswer(context, delivery);
    count(answer.status);
    reply.code(200);
    return answer;
  } catch (error) {
    count(delivery.kind === "refused" ? nameRefusal(delivery.reason) : "unavailable");
    throw error;
  }
}

/** `refused` alone means a wrong secret. */
function nameRefusal(reason: Extract<Delivery, { kind: "refused" }>["reason"]): string {
  return reason === "signature" ? "refused" : `refused_${reason}`;
}

const refusals = {
  headers: "The delivery lacks the headers of a signature",
  timestamp:
    "The delivery was signed more than 5 minutes from now: it is replayed, or this machine's clock is wrong",
  signature: "The delivery is signed by none of the secrets in CLERK_WEBHOOK_SIGNING_SECRET",
} as const;

async function decideAnswer(context: ApiContext, delivery: Delivery): Promise<WebhookAnswer> {
  switch (delivery.kind) {
    case "refused":
      throw new AppError("webhook.invalid_signature", refusals[delivery.reason], { reason: delivery.reason });
    case "unreadable": {
      const { id, type, sizeBytes, sha256 } = delivery;
      const quarantined = { svixId: id, type, sizeBytes, sha256 };
      await quarantineDelivery(context.producers["dead-letter"], quarantined, enqueueDeadlineMs);
      return { status: "quarantined", id };
    }
    case "ignored":
      return { status: "ignored", id: delivery.id };
    case "organization-event":
      await addOrganizationJob(context.producers.sync, toOrganizationJob(delivery), enqueueDeadlineMs);
      return { status: "accepted", id: delivery.id };
    case "event":
      await addSyncJob(context.producers.sync, toSyncJob(delivery), enqueueDeadlineMs);
      return { status: "accepted", id: delivery.id };
    default:
      return delivery satisfies never;
  }
}

function toSyncJob(delivery: Extract<Delivery, { kind: "event" }>): SyncJob {
  return {
    v: 1,
    kind: kinds[delivery.type],
    clerkId: delivery.clerkId,
    cause: "webhook",
    eventAtMs: delivery.eventAtMs,
    delivery: delivery.id,
  };
}

function toOrganizationJob(delivery: Extract<Delivery, { kind: "organization-event" }>): OrganizationJob {
  const { clerkOrgId, clerkId, eventAtMs, id } = delivery;
  const isDeletion = delivery.type.endsWith(".deleted");
  const named = { v: 2, clerkOrgId, cause: "webhook", eventAtMs, delivery: id } as const;
  return clerkId === undefined
    ? { ...named, kind: isDeletion ? "delete-organization" : "refresh-organization" }
    : { ...named, kind: isDeletion ? "delete-membership" : "refresh-membership", clerkId };
}

const countedTypes = [...actedOnEventTypes, ...organizationEventTypes];

/** All types that Rollcall ignores share one label value, because Clerk may add any number of types. */
function countWebhook({ metrics, log }: ApiContext, delivery: Delivery, outcome: string): void {
  const type =
    "type" in delivery && delivery.kind !== "ignored"
      ? countedTypes.find((known) => known === delivery.type)
      : undefined;
  metrics.count("rollcall_webhooks_total", { type: type ?? "other", outcome });
  // A refusal is logged with its answer, within a limit: any caller can cause it.
  if (delivery.kind === "refused") return;
  const id = delivery.id;
  log.info({ event: `webhook_${outcome}`, type, delivery: id }, "Webhook answered");
}
