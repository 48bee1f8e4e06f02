import type { Dice } from "./dice.ts";
import { drawDeliveries } from "./draw-acts.ts";
import type { TeamAct } from "./plan.ts";

const weights = { team: 3, "team-gone": 1, join: 12, part: 5, rejoin: 2 } as const;
const roles = ["org:admin", "org:member", "org:team_lead"] as const;
/** Few, so that many jobs are of one pair. */
const teams = 12;
/** Of the users of the plan, which has eight events for each, these join teams. */
const eventsPerMember = 24;
/** Team acts beside each act of users. */
const share = 0.5;

/** Draws acts of organizations and memberships, oldest first. They have dice of their own, so they change no other act. */
export function drawTeamActs(dice: Dice, events: number, safetyMs: number): TeamAct[] {
  const count = Math.round(events * share);
  const members = Math.max(2, Math.ceil(events / eventsPerMember));
  return Array.from({ length: count }, (_, index): TeamAct[] => {
    const atMs = Math.round((index / count) * safetyMs);
    const common = () => ({ atMs, team: pair.team, deliveries: drawDeliveries(dice) });
    const pair = { team: dice.between(0, teams), user: dice.between(0, members) };
    const join = (): TeamAct => ({ act: "join", ...common(), user: pair.user, role: dice.pick(roles) });
    const part = (): TeamAct => ({ act: "part", ...common(), user: pair.user });
    const kind = dice.weighted(weights);
    switch (kind) {
      case "team":
        return [{ act: "team", ...common(), number: index }];
      case "team-gone":
        return [{ act: "team-gone", ...common() }];
      case "join":
        return [join()];
      case "part":
        return [part()];
      case "rejoin":
        return [part(), join()];
      default:
        return kind satisfies never;
    }
  }).flat();
}
