import type { Dice, Times } from "./dice.ts";
import { drawDeliveries, drawDelivery } from "./draw-deliveries.ts";
import { findLastMoment } from "./last-moment.ts";
import type { Act, Call, Change, Life } from "./plan.ts";

/** How many events each person has, about: few enough that lives overlap, enough that one has a story. */
const eventsPerPerson = 8;
const mostPoisonUsers = 2;
/** A user who cannot be read, or whom Clerk has no more, is tried for so long, about. */
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
} as const;

export type ActEmphasis = {
  /** How many times as often as usual something happens. */
  times?: Times<keyof typeof weights>;
  /** So many of the newest people have all the events, and the others are left in peace: nothing heals them. */
  circle?: number;
};

/** Where a person stands at this moment of the plan. */
type Person = { state: "absent" | "here" | "gone" };

/**
 * Draws what people do, oldest first. Who is added by nobody any more cannot show a lost sync job by the next one,
 * so there are many people and each has only a few events; some of these come in bursts.
 */
export function drawActs(
  dice: Dice,
  count: number,
  safetyMs: number,
  { times, circle = Number.POSITIVE_INFINITY }: ActEmphasis = {},
): Act[] {
  const people: Person[] = Array.from({ length: Math.ceil(count / eventsPerPerson) }, () => ({
    state: "absent",
  }));
  const acts: Act[] = [];
  let number = 0;
  let poisonUsers = 0;

  const among = (...states: Person["state"][]): number | undefined => {
    const found = people.flatMap(({ state }, who) => (states.includes(state) ? [who] : []));
    const [first, ...others] = found.slice(-circle);
    return first === undefined ? undefined : dice.pick([first, ...others]);
  };
  const live = (who: number | undefined, state: Person["state"], life: (who: number) => Life): Life[] => {
    const person = who === undefined ? undefined : people[who];
    if (who === undefined || !person) return [];
    person.state = state;
    return [life(who)];
  };
  const call = (who: number | undefined, make: (who: number) => Call): Call[] =>
    who === undefined ? [] : [make(who)];
  const change = (who: number): Life => {
    number += 1;
    return { act: "change", who, change: drawChange(dice, number), deliveries: drawDeliveries(dice) };
  };

  function draw(isLate: boolean): (Life | Call)[] {
    const kind = dice.weighted(weights, times);
    switch (kind) {
      case "sign-up":
        return live(firstAbsent(people), "here", (who) => ({
          act: "sign-up",
          who,
          deliveries: drawDeliveries(dice),
        }));
      case "return":
        return live(among("gone"), "here", (who) => ({
          act: "sign-up",
          who,
          deliveries: drawDeliveries(dice),
        }));
      case "leave":
        return live(among("here"), "gone", (who) => ({
          act: "leave",
          who,
          deliveries: drawDeliveries(dice),
        }));
      case "change":
        return live(among("here"), "here", change);
      case "burst": {
        const who = among("here");
        return who === undefined ? [] : [change(who), change(who), change(who)];
      }
      case "ensure":
        return call(among("here", "here", "gone"), (who) => ({
          act: "ensure",
          who,
          api: dice.between(0, 2),
        }));
      case "early-ensure":
        return call(firstAbsent(people), (who) => ({ act: "ensure", who, api: dice.between(0, 2) }));
      case "login":
        return call(among("here"), (who) => ({ act: "login", who, deliveries: drawDeliveries(dice) }));
      case "by-hand":
        return call(among("here"), (who) => ({ act: "by-hand", who }));
      case "echo":
        return isLate
          ? []
          : call(among("gone"), (who) => ({ act: "echo", who, deliveries: drawDeliveries(dice) }));
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
  const who = people.findIndex(({ state }) => state === "absent");
  return who === -1 ? undefined : who;
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
