import type { Dice, Times } from "./dice.ts";
import {
  type Act,
  type Call,
  type Change,
  type ClerkChange,
  type Delivery,
  findLastMoment,
  firstResident,
} from "./plan.ts";

/** The mean. Few enough that many users are active at once, and enough that each one changes several times. */
const eventsPerUser = 8;
const mostPoisonUsers = 2;
/** About the time for which a job of an unreadable or absent user is retried. */
const retriesLastMs = 15_000;

const weights = {
  "sign-up": 12,
  change: 32,
  burst: 3,
  leave: 4,
  return: 3,
  ensure: 26,
  "early-ensure": 1,
  login: 4,
  "by-hand": 2,
  echo: 2,
  unknown: 1,
  "poison-body": 1,
  "poison-user": 0.6,
  // The last ones, so that a run without them draws what it drew before there were any.
  invite: 4,
  // One in four seconds: during the first full sync, most of its pages must stay without rows.
  resident: 0.25,
} as const;

const residentWeights = { ensure: 4, change: 3, leave: 1, login: 2, invite: 4 } as const;

export type ActEmphasis = {
  /** Factors for the weights. */
  times?: Times<keyof typeof weights>;
  /** Only this many of the newest users have events. No later event repairs the rows of the others. */
  circle?: number;
};

/** A person's account at this moment of the plan. */
type Person = { state: "absent" | "here" | "gone" };

/**
 * Draws the acts, oldest first. A user's next sync job repairs what a lost one left behind. There are therefore many
 * users with few events each, and some of these events come in bursts.
 */
export function drawActs(
  dice: Dice,
  count: number,
  safetyMs: number,
  {
    times,
    circle = Number.POSITIVE_INFINITY,
    invites,
    residents,
  }: ActEmphasis & { invites: boolean; residents: number },
): Act[] {
  const people: Person[] = Array.from({ length: Math.ceil(count / eventsPerUser) }, () => ({
    state: "absent",
  }));
  const acts: Act[] = [];
  const goneResidents = new Set<number>();
  let number = 0;
  let poisonUsers = 0;

  const pickAmong = (...states: Person["state"][]): number | undefined => {
    const found = people.flatMap(({ state }, user) => (states.includes(state) ? [user] : []));
    const [first, ...others] = found.slice(-circle);
    return first === undefined ? undefined : dice.pick([first, ...others]);
  };
  const changeState = (
    user: number | undefined,
    state: Person["state"],
    make: (user: number) => ClerkChange,
  ): ClerkChange[] => {
    const person = user === undefined ? undefined : people[user];
    if (user === undefined || !person) return [];
    person.state = state;
    return [make(user)];
  };
  const call = (user: number | undefined, make: (user: number) => Call): Call[] =>
    user === undefined ? [] : [make(user)];
  const change = (user: number): ClerkChange => {
    number += 1;
    return { act: "change", user, change: drawChange(dice, number), deliveries: drawDeliveries(dice) };
  };

  const signUp = (user: number, isVerified = true): ClerkChange => ({
    act: "sign-up",
    user,
    isVerified,
    deliveries: drawDeliveries(dice),
  });

  function draw(isLate: boolean): (ClerkChange | Call)[] {
    const kind = dice.weighted(weights, {
      ...times,
      ...(!invites && { invite: 0 }),
      ...(residents === 0 && { resident: 0 }),
    });
    switch (kind) {
      case "sign-up":
        return changeState(firstAbsent(people), "here", (user) => signUp(user));
      case "return":
        return changeState(pickAmong("gone"), "here", (user) => signUp(user));
      case "invite": {
        const invited = changeState(firstAbsent(people), "here", (user) => signUp(user, dice.chance(0.5)));
        return invited.flatMap((signUpAct) => [{ act: "invite", user: signUpAct.user }, signUpAct]);
      }
      case "leave":
        return changeState(pickAmong("here"), "gone", (user) => ({
          act: "leave",
          user,
          deliveries: drawDeliveries(dice),
        }));
      case "change":
        return changeState(pickAmong("here"), "here", change);
      case "burst": {
        const user = pickAmong("here");
        return user === undefined ? [] : [change(user), change(user), change(user)];
      }
      case "ensure":
        return call(pickAmong("here", "here", "gone"), (user) => ({
          act: "ensure",
          user,
          api: dice.between(0, 2),
        }));
      case "early-ensure":
        return call(firstAbsent(people), (user) => ({ act: "ensure", user, api: dice.between(0, 2) }));
      case "login":
        return call(pickAmong("here"), (user) => ({ act: "login", user, deliveries: drawDeliveries(dice) }));
      case "by-hand":
        return call(pickAmong("here"), (user) => ({ act: "by-hand", user }));
      case "echo":
        return isLate
          ? []
          : call(pickAmong("gone"), (user) => ({ act: "echo", user, deliveries: drawDeliveries(dice) }));
      case "unknown":
        number += 1;
        return [
          {
            act: "unknown",
            number,
            type: dice.pick(["user.created", "session.created"]),
            deliveries: [drawDelivery(dice, 40)],
          },
        ];
      case "poison-body":
        number += 1;
        return [
          {
            act: "poison-body",
            number,
            isJson: dice.chance(0.5),
            deliveries: [drawDelivery(dice, 40), ...drawDeliveries(dice)],
          },
        ];
      case "poison-user":
        if (isLate || poisonUsers === mostPoisonUsers) return [];
        number += 1;
        poisonUsers += 1;
        return [{ act: "poison-user", number, api: dice.between(0, 2) }];
      case "resident":
        return drawResident(firstResident + dice.between(0, residents));
      default:
        return kind satisfies never;
    }
  }

  /** What meets the first full sync, which makes the user's row at this moment. */
  function drawResident(user: number): (ClerkChange | Call)[] {
    if (goneResidents.has(user)) return [];
    const kind = dice.weighted(residentWeights, { ...(!invites && { invite: 0 }) });
    switch (kind) {
      case "ensure":
        return [{ act: "ensure", user, api: dice.between(0, 2) }];
      case "change":
        return [change(user)];
      case "leave":
        goneResidents.add(user);
        return [{ act: "leave", user, deliveries: drawDeliveries(dice) }];
      case "login":
        return [{ act: "login", user, deliveries: drawDeliveries(dice) }];
      case "invite":
        return [{ act: "invite", user }];
      default:
        return kind satisfies never;
    }
  }

  while (acts.length < count) {
    const atMs = Math.round((acts.length / count) * safetyMs);
    const isLate = atMs > findLastMoment(safetyMs, retriesLastMs);
    for (const act of draw(isLate)) acts.push({ atMs, ...act });
  }
  return acts;
}

function firstAbsent(people: readonly Person[]): number | undefined {
  const user = people.findIndex(({ state }) => state === "absent");
  return user === -1 ? undefined : user;
}

const changes = { name: 40, email: 15, "email-status": 10, image: 10, role: 12, banned: 13 } as const;

function drawChange(dice: Dice, number: number): Change {
  const set = dice.weighted(changes);
  switch (set) {
    case "role":
      return { set, admin: dice.chance(0.5) };
    case "banned":
      return { set, banned: dice.chance(0.5) };
    default:
      return { set, number };
  }
}

/** What the network does with an event's webhook, in percent. */
const ways = { prompt: 74, shuffled: 8, late: 8, tenfold: 4, lost: 6 } as const;

/** Draws the copies of one event's webhook. Without copies, it is lost. */
export function drawDeliveries(dice: Dice): Delivery[] {
  const way = dice.weighted(ways);
  switch (way) {
    case "lost":
      return [];
    case "prompt":
      return [drawDelivery(dice, 40)];
    case "shuffled":
      return [drawDelivery(dice, 800)];
    case "late":
      return [{ ...drawDelivery(dice, 3_000), afterMs: dice.between(1_000, 4_000) }];
    case "tenfold":
      return Array.from({ length: 10 }, () => drawDelivery(dice, 1_500));
    default:
      return way satisfies never;
  }
}

/** One copy that is not lost. */
function drawDelivery(dice: Dice, longestMs: number): Delivery {
  return { afterMs: dice.between(0, longestMs), api: dice.between(0, 2) };
}
