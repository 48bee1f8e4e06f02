import type { SessionView } from "@rollcall/contracts";
import type { Nudge, Welcome } from "@rollcall/jobs";

/** As long as a Clerk id. */
export function clerkIdOf(number: number): string {
  return `user_2bench${String(number).padStart(21, "0")}`;
}

const svixIdOf = (number: number) => `msg_2bench${String(number).padStart(21, "0")}`;

/** The nudges that wait in a queue, as api and catch-up make them. */
export const nudgesOf = {
  "look, of a webhook": (number) => ({
    ...nudgeOf(number),
    kind: "look",
    cause: "webhook",
    delivery: svixIdOf(number),
  }),
  "look, of an ensure": (number) => ({ ...nudgeOf(number), kind: "look", cause: "ensure" }),
  "login, of a webhook": (number) => ({
    ...nudgeOf(number),
    kind: "login",
    cause: "webhook",
    delivery: svixIdOf(number),
  }),
  "delete, of a webhook": (number) => ({
    ...nudgeOf(number),
    kind: "delete",
    cause: "webhook",
    delivery: svixIdOf(number),
  }),
} as const satisfies Record<string, (number: number) => Nudge>;

function nudgeOf(number: number) {
  return { v: 1, clerkId: clerkIdOf(number), eventAtMs: Date.now() } as const;
}

export function welcomeOf(number: number): Welcome {
  return { v: 1, clerkId: clerkIdOf(number), eventId: 1_000_000 + number };
}

/** What a login finds in the cache: somebody with everything that can be there. */
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
