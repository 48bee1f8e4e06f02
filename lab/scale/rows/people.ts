import type { SessionView } from "@rollcall/contracts";
import type { NotificationJob, SyncJob } from "@rollcall/jobs";

/** A Clerk id of the usual length. */
export function clerkIdOf(number: number): string {
  return `user_2bench${String(number).padStart(21, "0")}`;
}

/** Sync jobs as api and worker make them, by kind and cause. */
export const syncJobsOf = {
  "refresh, of a webhook": (number) => ({ ...webhookSyncJob(clerkIdOf(number), number), kind: "refresh" }),
  "refresh, of an ensure call": (number) => ({
    ...newSyncJob(clerkIdOf(number)),
    kind: "refresh",
    cause: "ensure",
  }),
  "provision, of a webhook": (number) => ({
    ...webhookSyncJob(clerkIdOf(number), number),
    kind: "provision",
  }),
  "delete, of a webhook": (number) => ({ ...webhookSyncJob(clerkIdOf(number), number), kind: "delete" }),
} as const satisfies Record<string, (number: number) => SyncJob>;

/** The sync job of a login. */
export function provisionJobOf(clerkId: string): SyncJob {
  return { ...webhookSyncJob(clerkId, 0), kind: "provision" };
}

function webhookSyncJob(clerkId: string, number: number) {
  const delivery = `msg_2bench${String(number).padStart(21, "0")}`;
  return { ...newSyncJob(clerkId), cause: "webhook", delivery } as const;
}

function newSyncJob(clerkId: string) {
  return { v: 1, clerkId, eventAtMs: Date.now() } as const;
}

export function notificationOf(number: number): NotificationJob {
  return { v: 1, clerkId: clerkIdOf(number), eventId: 1_000_000 + number };
}

/** A cache entry of a user, with all fields set. */
export function sessionOf(number: number): SessionView {
  const at = new Date().toISOString();
  const email = `gabriela.oliveira.${number}@example.com`;
  const imageUrl = `https://img.clerk.com/${clerkIdOf(number)}`;
  return {
    user: {
      id: number,
      clerkId: clerkIdOf(number),
      email,
      emailVerified: true,
      name: "Gabriela Oliveira",
      imageUrl,
      role: "user",
      roleSource: null,
      tier: "FREE",
      banned: false,
      clerkCreatedAt: at,
      clerkUpdatedAt: at,
      readTicket: number,
      deletedAt: null,
      createdAt: at,
      updatedAt: at,
    },
    mentorado: {
      id: number,
      userId: number,
      nomeCompleto: "Gabriela Oliveira",
      email,
      fotoUrl: imageUrl,
      turma: "neon",
      ativo: "sim",
      metaFaturamento: 16_000,
      metaLeads: 50,
      metaProcedimentos: 10,
      metaPosts: 12,
      metaStories: 60,
      linkedAt: at,
      createdAt: at,
      updatedAt: at,
    },
  };
}
