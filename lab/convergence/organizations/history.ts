import fc from "fast-check";

/** What a job names, by the places of a person and a team. `former`: the account or team that was there before. */
export type Delivery = {
  kind: "refresh" | "delete";
  of: "user" | "organization" | "membership";
  person: number;
  team: number;
  formerPerson: boolean;
  formerTeam: boolean;
  worker: number;
  attempt: number;
};

type Pair = { team: number; person: number };

export type ClerkStep =
  | { clerk: "sign-up" | "leave"; person: number }
  /** Creates the team, or changes it. */
  | { clerk: "team"; team: number; name: string; keepStamp: boolean }
  | { clerk: "team-gone"; team: number }
  /** The person joins, or gets another role. Null: a role that cannot be read. */
  | ({ clerk: "join"; role: string | null; keepStamp: boolean } & Pair)
  | ({ clerk: "part" } & Pair)
  /** Parts and joins again, with another membership. */
  | ({ clerk: "rejoin"; role: string } & Pair);

export type Step =
  | ClerkStep
  /** Concurrently: the jobs, and perhaps the release of every held read. */
  | { deliver: readonly Delivery[]; withHeld: boolean }
  /** Refreshes whose request to Clerk (`before`) or whose answer (`after`) is held back until a release. */
  | { hold: Delivery; point: "before" | "after" }
  | { release: number }
  /** After so many requests, Clerk's lists are as of this moment. Null: they are up to date again. */
  | { lag: number | null }
  | { pass: true };

export type History = readonly Step[];

export const peopleInHistory = 4;
export const teamsInHistory = 3;
export const workersInHistory = 3;
const minSteps = 30;
const maxSteps = 45;

const person = fc.nat({ max: peopleInHistory - 1 });
const team = fc.nat({ max: teamsInHistory - 1 });
const worker = fc.nat({ max: workersInHistory - 1 });
const sometimes = fc.integer({ min: 1, max: 3 }).map((n) => n === 3);
const rarely = fc.integer({ min: 1, max: 5 }).map((n) => n === 5);
const roles = ["org:admin", "org:member", "org:team_lead"] as const;
const name = fc.constantFrom(
  "Team",
  "Equipe Cão 🍎",
  "",
  "  spaced ",
  "N\0L",
  "x".repeat(300),
  "\uD800 alone",
);

const delivery: fc.Arbitrary<Delivery> = fc.record({
  kind: fc.constantFrom("refresh", "refresh", "delete"),
  of: fc.constantFrom("user", "organization", "membership", "membership", "membership"),
  person,
  team,
  formerPerson: rarely,
  formerTeam: rarely,
  worker,
  attempt: fc.integer({ min: 1, max: 5 }),
});

const step: fc.Arbitrary<Step> = fc.oneof(
  // First, because failing histories shrink towards it.
  { withCrossShrink: true },
  { weight: 1, arbitrary: fc.constant({ pass: true as const }) },
  { weight: 2, arbitrary: fc.record({ clerk: fc.constant("sign-up" as const), person }) },
  { weight: 1, arbitrary: fc.record({ clerk: fc.constant("leave" as const), person }) },
  {
    weight: 3,
    arbitrary: fc.record({ clerk: fc.constant("team" as const), team, name, keepStamp: sometimes }),
  },
  { weight: 1, arbitrary: fc.record({ clerk: fc.constant("team-gone" as const), team }) },
  {
    weight: 6,
    arbitrary: fc.record({
      clerk: fc.constant("join" as const),
      team,
      person,
      role: fc.constantFrom(...roles, ...roles, null),
      keepStamp: sometimes,
    }),
  },
  { weight: 3, arbitrary: fc.record({ clerk: fc.constant("part" as const), team, person }) },
  {
    weight: 2,
    arbitrary: fc.record({
      clerk: fc.constant("rejoin" as const),
      team,
      person,
      role: fc.constantFrom(...roles),
    }),
  },
  {
    weight: 9,
    arbitrary: fc.record({
      deliver: fc.array(delivery, { minLength: 1, maxLength: 6 }),
      withHeld: rarely,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ hold: delivery, point: fc.constantFrom("before" as const, "after" as const) }),
  },
  { weight: 3, arbitrary: fc.nat({ max: 5 }).map((release) => ({ release })) },
  { weight: 2, arbitrary: fc.option(fc.nat({ max: 20 }), { freq: 2 }).map((lag) => ({ lag })) },
);

/** A member leaves and joins again, and every job of the pair runs late. Too long to be frequent by chance. */
const comeBack: fc.Arbitrary<Step[]> = fc.record({ team, person }).map((pair) => {
  const deliver = (kind: "refresh" | "delete", worker: number): Step => ({
    deliver: [
      { kind, of: "membership", ...pair, formerPerson: false, formerTeam: false, worker, attempt: 1 },
    ],
    withHeld: false,
  });
  return [
    { clerk: "join", ...pair, role: "org:member", keepStamp: false },
    deliver("refresh", 0),
    { clerk: "part", ...pair },
    deliver("delete", 1),
    { clerk: "join", ...pair, role: "org:admin", keepStamp: false },
    deliver("refresh", 2),
  ];
});

/** A list shows a new member, and an older one does not. */
const lagBehind: fc.Arbitrary<Step[]> = fc
  .record({ team, people: fc.uniqueArray(person, { minLength: 2, maxLength: 2 }), worker })
  .map(({ team, people: [older = 0, younger = 0], worker }) => {
    const deliver = (person: number): Step => ({
      deliver: [
        {
          kind: "refresh",
          of: "membership",
          team,
          person,
          formerPerson: false,
          formerTeam: false,
          worker,
          attempt: 4,
        },
      ],
      withHeld: false,
    });
    return [
      { lag: null },
      { clerk: "join", team, person: older, role: "org:member", keepStamp: false },
      { clerk: "part", team, person: younger },
      { lag: 1 },
      { clerk: "join", team, person: younger, role: "org:member", keepStamp: false },
      deliver(younger),
      deliver(younger),
    ];
  });

const steps = fc.oneof(
  { withCrossShrink: true },
  { weight: 20, arbitrary: step.map((one) => [one]) },
  { weight: 1, arbitrary: comeBack },
  { weight: 1, arbitrary: lagBehind },
);

/** Histories of at least 30 steps with four people, three teams, their memberships at Clerk, and three workers. */
export const history: fc.Arbitrary<History> = fc
  .array(steps, { minLength: minSteps, maxLength: maxSteps, size: "max" })
  .map((all) => all.flat())
  .map((one) => Object.assign(one, { [fc.toStringMethod]: () => describeHistory(one) }));

function describeHistory(steps: History): string {
  const lines = steps.flatMap((one, index) =>
    "pass" in one ? [] : [`step ${index}: ${JSON.stringify(one)}`],
  );
  return `\n${lines.join("\n")}\n`;
}
