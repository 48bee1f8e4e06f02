import fc from "fast-check";
import type { AppStep, ClerkChange, ClerkPatch, Delivery, History, Status, Step } from "./step.ts";

export const peopleInHistory = 5;
export const workersInHistory = 3;
const leastSteps = 30;
const mostSteps = 45;

const who = fc.nat({ max: peopleInHistory - 1 });
const worker = fc.nat({ max: workersInHistory - 1 });
const sometimes = fc.integer({ min: 1, max: 3 }).map((n) => n === 3);
const rarely = fc.integer({ min: 1, max: 5 }).map((n) => n === 5);

// Few addresses, so that people meet; the last is no variant of the first, though Postgres' lower() says so.
const addresses = ["kim@x.test", "ada@x.test", "bia@x.test", "cea@x.test", "\u212Aim@x.test"];
const address = fc.constantFrom(...addresses);
const oddlyWritten = fc
  .tuple(address, fc.constantFrom("", " ", "\t", "\r\n"), fc.boolean())
  .map(
    ([text, space, loud]) => space + (loud ? text.replace(/[a-z]/g, (c) => c.toUpperCase()) : text) + space,
  );
const status = fc.constantFrom<Status>("verified", "verified", "verified", "unverified", "expired");
const primary = fc
  .record({ address: oddlyWritten, status })
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
  { raw: { primary_email_address_id: "idn_nobody" } },
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
  { weight: 2, arbitrary: fc.record({ address: oddlyWritten, status }).map((secondary) => ({ secondary })) },
);

const appStep: fc.Arbitrary<AppStep> = fc.oneof(
  { weight: 6, arbitrary: oddlyWritten.map((email) => ({ app: "waiting" as const, email })) },
  {
    weight: 2,
    arbitrary: fc.record({
      app: fc.constant("edit" as const),
      who,
      nome: fc.constantFrom("Edited", "By hand"),
      metaLeads: fc.nat({ max: 9 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ app: fc.constant("tier" as const), who, tier: fc.constantFrom("GOLD", "FREE") }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      app: fc.constant("role" as const),
      who,
      role: fc.constantFrom("admin", "user", "mentor"),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ app: fc.constant("give" as const), who, email: fc.option(oddlyWritten) }),
  },
);

const delivery: fc.Arbitrary<Delivery> = fc.record({
  kind: fc.constantFrom("refresh", "refresh", "refresh", "provision", "delete"),
  who,
  former: rarely,
  worker,
  look: fc.integer({ min: 1, max: 4 }),
});

const step: fc.Arbitrary<Step> = fc.oneof(
  // First, since failing histories shrink towards it.
  { withCrossShrink: true },
  { weight: 1, arbitrary: fc.constant({ pass: true as const }) },
  {
    weight: 8,
    arbitrary: fc.record({ clerk: fc.constant("change" as const), who, change, keepStamp: sometimes }),
  },
  { weight: 2, arbitrary: fc.record({ clerk: fc.constant("sign-up" as const), who }) },
  { weight: 2, arbitrary: fc.record({ clerk: fc.constant("leave" as const), who }) },
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
      hold: fc.uniqueArray(who, { minLength: 1, maxLength: 3 }),
      worker,
      point: fc.constantFrom("before" as const, "after" as const),
    }),
  },
  { weight: 3, arbitrary: fc.nat({ max: 5 }).map((release) => ({ release })) },
);

/** Somebody leaves, is deleted and comes back: too long a row to turn up often by chance. */
const comeBack: fc.Arbitrary<Step[]> = who.map((one) => {
  const syncJob = { who: one, former: false, worker: 0, look: 1 };
  const deliver = (kind: "delete" | "refresh") => ({
    deliver: [{ kind, ...syncJob }],
    meanwhile: null,
    withHeld: false,
  });
  return [
    deliver("refresh"),
    { clerk: "leave", who: one },
    deliver("delete"),
    { clerk: "sign-up", who: one },
    deliver("refresh"),
  ];
});
const steps = fc.oneof(
  { withCrossShrink: true },
  { weight: 20, arbitrary: step.map((one) => [one]) },
  { weight: 1, arbitrary: comeBack },
);

/** Histories of 30 steps and more of five people, their accounts at Clerk, the app, and three workers. */
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
      .array(steps, { minLength: leastSteps, maxLength: mostSteps, size: "max" })
      .map((all) => all.flat()),
  })
  .map((one) => Object.assign(one, { [fc.toStringMethod]: () => tell(one) }));

/** A line for each person, and one for each step that does anything. */
function tell({ people, steps }: History): string {
  const lines = [
    ...people.map((person, who) => `person ${who}: ${JSON.stringify(person)}`),
    ...steps.flatMap((one, index) => ("pass" in one ? [] : [`step ${index}: ${JSON.stringify(one)}`])),
  ];
  return `\n${lines.join("\n")}\n`;
}
