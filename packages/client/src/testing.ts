import type { AnyProvisioned, EnsureOptions, Provisioned, RollcallClient } from "./rollcall-client.ts";
import type { RollcallError } from "./rollcall-error.ts";
import type { Active, Key, Mentorado, Organization, Session, User } from "./wire.ts";

const epoch = "2026-01-01T00:00:00.000Z";

/** A user as ensure answers, for tests of an app. */
export function buildUser<K extends Key = number>(change: Partial<User<K>> = {}): User<K> {
  return {
    // The cast serves keys of text, whose user the app's test builds with an id.
    id: 1 as K,
    ...{ clerkId: "user_ana", email: "ana@example.com", emailVerified: true, name: "Ana", imageUrl: null },
    ...{ role: "user", roleSource: null, tier: "FREE", banned: false, readTicket: 1, deletedAt: null },
    ...{ clerkCreatedAt: epoch, clerkUpdatedAt: epoch, createdAt: epoch, updatedAt: epoch },
    ...change,
  };
}

/** A profile of the default mapping, for tests of an app. */
export function buildProfile(change: Partial<Mentorado> = {}): Mentorado {
  return {
    ...{ id: 1, userId: 1, nomeCompleto: "Ana", email: "ana@example.com", fotoUrl: null, turma: "neon" },
    ...{ ativo: "sim", metaFaturamento: 16_000, metaLeads: 50, metaProcedimentos: 10, metaPosts: 12 },
    ...{ metaStories: 60, linkedAt: null, createdAt: epoch, updatedAt: epoch },
    ...change,
  };
}

/** An active organization as ensure answers, for tests of an app. Its user is an admin there. */
export function buildOrganization(change: Partial<Organization> = {}): Organization {
  return {
    ...{ id: 1, clerkOrgId: "org_escola", name: "Escola", slug: "escola", imageUrl: null },
    role: "org:admin",
    ...change,
  };
}

export type TestClient<P extends object, K extends Key, N extends string> = RollcallClient<P, K, N> & {
  /** The options of each call of ensure, in order. */
  readonly calls: readonly EnsureOptions[];
};

/** What a client of a test does: answers with a session, fails, or decides at each call. */
export type TestAnswer<P extends object, K extends Key, N extends string> =
  | (Session<P, K, N> & Active & { created?: boolean; stale?: boolean })
  | RollcallError
  | ((options: EnsureOptions) => Promise<Provisioned<P, K, N>>);

/**
 * A client for tests of an app, without a network. Each call of ensure gets the answer, by default a user with a profile,
 * under the id of the signed-in user if the caller names one.
 *
 * @param profile the profile's name in the mapping; null for an app without profiles
 */
export function buildClient<
  P extends object = Mentorado,
  K extends Key = number,
  N extends string = "mentorado",
>(
  answer?: TestAnswer<NoInfer<P>, NoInfer<K>, NoInfer<N>>,
  profile: string | null = "mentorado",
): TestClient<P, K, N> {
  const calls: EnsureOptions[] = [];
  const client = {
    locale: "pt-BR" as const,
    profile,
    calls,
    async ensure(options: EnsureOptions = {}): Promise<AnyProvisioned> {
      calls.push(options);
      if (typeof answer === "function") return answer(options);
      if (answer instanceof Error) throw answer;
      const session = answer ?? { user: buildUser(), mentorado: buildProfile() };
      const { userId: clerkId = session.user.clerkId } = options;
      return { created: false, stale: false, ...session, user: { ...session.user, clerkId } };
    },
  };
  // The types of the profile and the key are a promise of the test.
  return client as unknown as TestClient<P, K, N>;
}
