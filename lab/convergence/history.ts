import type { ClerkSimulator } from "@rollcall/clerk-simulator";
import fc from "fast-check";

export type ClerkPatch = NonNullable<Parameters<ClerkSimulator["users"]["create"]>[0]>;

export type Status = "verified" | "unverified" | "expired";

/** A change of a user at Clerk. A change of one address keeps the others. */
export type ClerkChange =
  | { set: ClerkPatch }
  | { primaryBecomes: Status }
  | { secondary: { address: string; status: Status } };

/** A change that the app, or a person in it, makes to the app's tables. */
export type AppStep =
  | { app: "unclaimed"; email: string }
  | { app: "edit"; person: number; nome: string; metaLeads: number }
  | { app: "tier"; person: number; tier: string }
  | { app: "role"; person: number; role: string }
  /** Null: the address of the sign-up. */
  | { app: "give"; person: number; email: string | null };

/** One sync job, as a queue delivers it to a worker. `former`: it names the account that the person had before. */
export type Delivery = {
  kind: "refresh" | "provision" | "delete";
  person: number;
  former: boolean;
  worker: number;
  attempt: number;
};

export type Step =
  | { clerk: "change"; person: number; change: ClerkChange; keepStamp: boolean }
  | { clerk: "sign-up"; person: number }
  | { clerk: "leave"; person: number }
  | AppStep
  /** Concurrently: the sync jobs, a change by the app, and perhaps the release of every held read. */
  | { deliver: readonly Delivery[]; meanwhile: AppStep | null; withHeld: boolean }
  /** Refreshes whose request to Clerk (`before`) or whose answer (`after`) is held back until a release. */
  | { hold: readonly number[]; worker: number; point: "before" | "after" }
  | { release: number }
  | { pass: true };

export type History = { people: readonly ClerkPatch[]; steps: readonly Step[] };

export const peopleInHistory = 5;
export const workersInHistory = 3;
const minSteps = 30;
const maxSteps = 45;

const person = fc.nat({ max: peopleInHistory - 1 });
const worker = fc.nat({ max: workersInHistory - 1 });
const sometimes = fc.integer({ min: 1, max: 3 }).map((n) => n === 3);
const rarely = fc.integer({ min: 1, max: 5 }).map((n) => n === 5);

// Few addresses, so that people share them. The last one differs from the first, although Postgres' lower() equates them.
const addresses = ["kim@x.test", "ada@x.test", "bia@x.test", "cea@x.test", "\u212Aim@x.test"];
const address = fc.constantFrom(...addresses);
const unusualSpelling = fc
  .tuple(address, fc.constantFrom("", " ", "\t", "\r\n"), fc.boolean())
  .map(
    ([text, space, isUpper]) =>
      space + (isUpper ? text.replace(/[a-z]/g, (c) => c.toUpperCase()) : text) + space,
  );
const status = fc.constantFrom<Status>("verified", "verified", "verified", "unverified", "expired");
const primary = fc
  .record({ address: unusualSpelling, status })
  .map((entry): ClerkPatch => ({ emails: [entry] }));
const name = fc.constantFrom(null, "Ada", " Bia ", "", "  ", "Cão 🍎", "x".repeat(5_000));
const names = fc.record({ firstName: name, lastName: name, username: name });
const metadata = fc
  .record({
    role: fc.constantFrom("admin", "admin", "user", "Admin", ["admin"], null),
    turma: fc.constantFrom("neon_2", "Neon", 7, null),
  })
  .map((publicMetadata): ClerkPatch => ({ publicMetadata }));
const hostile = fc.constantFrom<ClerkPatch>(
  { raw: { first_name: "N\0L", last_name: "\uD800 alone" } },
  { raw: { first_name: "\uDC00", username: "\0" } },
  { raw: { image_url: null, username: null, public_metadata: null } },
  { raw: { image_url: "https://img/\0", banned: null } },
  { raw: { email_addresses: null } },
  { raw: { primary_email_address_id: "idn_unknown" } },
  { email: null },
  { email: '"a\0@b"@x.test' },
);

const change: fc.Arbitrary<ClerkChange> = fc.oneof(
  { weight: 4, arbitrary: primary.map((set) => ({ set })) },
  { weight: 2, arbitrary: status.map((primaryBecomes) => ({ primaryBecomes })) },
  { weight: 2, arbitrary: names.map((set) => ({ set })) },
  { weight: 2, arbitrary: metadata.map((set) => ({ set })) },
  { weight: 2, arbitrary: fc.boolean().map((banned) => ({ set: { banned } })) },
  { weight: 1, arbitrary: hostile.map((set) => ({ set })) },
  {
    weight: 2,
    arbitrary: fc.record({ address: unusualSpelling, status }).map((secondary) => ({ secondary })),
  },
);

const appStep: fc.Arbitrary<AppStep> = fc.oneof(
  { weight: 6, arbitrary: unusualSpelling.map((email) => ({ app: "unclaimed" as const, email })) },
  {
    weight: 2,
    arbitrary: fc.record({
      app: fc.constant("edit" as const),
      person,
      nome: fc.constantFrom("Edited", "By hand"),
      metaLeads: fc.nat({ max: 9 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      app: fc.constant("tier" as const),
      person,
      tier: fc.constantFrom("GOLD", "FREE"),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      app: fc.constant("role" as const),
      person,
      role: fc.constantFrom("admin", "user", "mentor"),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ app: fc.constant("give" as const), person, email: fc.option(unusualSpelling) }),
  },
);

const delivery: fc.Arbitrary<Delivery> = fc.record({
  kind: fc.constantFrom("refresh", "refresh", "refresh", "provision", "delete"),
  person,
  former: rarely,
  worker,
  attempt: fc.integer({ min: 1, max: 4 }),
});

const step: fc.Arbitrary<Step> = fc.oneof(
  // First, because failing histories shrink towards it.
  { withCrossShrink: true },
  { weight: 1, arbitrary: fc.constant({ pass: true as const }) },
  {
    weight: 8,
    arbitrary: fc.record({ clerk: fc.constant("change" as const), person, change, keepStamp: sometimes }),
  },
  { weight: 2, arbitrary: fc.record({ clerk: fc.constant("sign-up" as const), person }) },
  { weight: 2, arbitrary: fc.record({ clerk: fc.constant("leave" as const), person }) },
  { weight: 4, arbitrary: appStep },
  {
    weight: 8,
    arbitrary: fc.record({
      deliver: fc.array(delivery, { minLength: 1, maxLength: 6 }),
      meanwhile: fc.option(appStep, { freq: 3 }),
      withHeld: rarely,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      hold: fc.uniqueArray(person, { minLength: 1, maxLength: 3 }),
      worker,
      point: fc.constantFrom("before" as const, "after" as const),
    }),
  },
  { weight: 3, arbitrary: fc.nat({ max: 5 }).map((release) => ({ release })) },
);

/** A person leaves, is deleted and comes back. This sequence is too long to be frequent by chance. */
const comeBack: fc.Arbitrary<Step[]> = person.map((one) => {
  const syncJob = { person: one, former: false, worker: 0, attempt: 1 };
  const deliver = (kind: "delete" | "refresh") => ({
    deliver: [{ kind, ...syncJob }],
    meanwhile: null,
    withHeld: false,
  });
  return [
    deliver("refresh"),
    { clerk: "leave", person: one },
    deliver("delete"),
    { clerk: "sign-up", person: one },
    deliver("refresh"),
  ];
});
const steps = fc.oneof(
  { withCrossShrink: true },
  { weight: 20, arbitrary: step.map((one) => [one]) },
  { weight: 1, arbitrary: comeBack },
);

/** Histories of at least 30 steps with five people, their accounts at Clerk, the app, and three workers. */
export const history: fc.Arbitrary<History> = fc
  .record({
    people: fc.array(
      fc.tuple(names, primary, metadata, rarely).map(([given, email, meta, isPlain]) => ({
        ...given,
        ...(isPlain ? meta : email),
      })),
      { minLength: peopleInHistory, maxLength: peopleInHistory },
    ),
    steps: fc
      .array(steps, { minLength: minSteps, maxLength: maxSteps, size: "max" })
      .map((all) => all.flat()),
  })
  .map((one) => Object.assign(one, { [fc.toStringMethod]: () => describeHistory(one) }));

/** One line for each person, and one for each step that has an effect. */
function describeHistory({ people, steps }: History): string {
  const lines = [
    ...people.map((patch, person) => `person ${person}: ${JSON.stringify(patch)}`),
    ...steps.flatMap((one, index) => ("pass" in one ? [] : [`step ${index}: ${JSON.stringify(one)}`])),
  ];
  return `\n${lines.join("\n")}\n`;
}
