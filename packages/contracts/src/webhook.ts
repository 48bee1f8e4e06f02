import { z } from "zod";
import type { Mapping } from "./mapping.ts";

/** 200 of `POST /api/webhooks/clerk`. `id` is the delivery's svix-id. */
export const webhookAnswer = z.object({
  status: z.enum(["accepted", "ignored", "quarantined"]),
  id: z.string(),
});

export type WebhookAnswer = z.infer<typeof webhookAnswer>;

/** Clerk's event types that become a sync job. Every other type is counted and ignored. */
export const actedOnEventTypes = [
  "user.created",
  "user.createdAtEdge",
  "user.updated",
  "user.deleted",
  "session.created",
] as const;

export type ActedOnEventType = (typeof actedOnEventTypes)[number];

/** Clerk's event types of organizations and memberships. They are ignored while the mapping has no organizations. */
export const organizationEventTypes = [
  "organization.created",
  "organization.updated",
  "organization.deleted",
  "organizationMembership.created",
  "organizationMembership.updated",
  "organizationMembership.deleted",
] as const;

export type OrganizationEventType = (typeof organizationEventTypes)[number];

/** The event types that every endpoint at Clerk must have. The edge's type is none that Clerk offers there. */
const userEventTypes = [
  "user.created",
  "user.updated",
  "user.deleted",
  "session.created",
] as const satisfies readonly ActedOnEventType[];

/** The event types that the endpoint at Clerk must have. Types of organizations cost deliveries, so only with organizations. */
export function listSubscribedEventTypes({
  organizations,
}: Pick<Mapping, "organizations">): readonly string[] {
  return organizations ? [...userEventTypes, ...organizationEventTypes] : userEventTypes;
}

/** The route of deliveries. */
export const webhookPath = "/api/webhooks/clerk";
