import type { Environment } from "./cli.ts";

/**
 * The environment of a command in the folder of an `npm start`: its own variables, and that system's for the rest. With a key
 * of its own it is another Clerk. Then no variable of that system's Clerk is taken, or the key would be sent to its simulator.
 */
export function joinEnvironments(system: Environment, own: Environment): Environment {
  const isOtherClerk = Boolean(own["CLERK_SECRET_KEY"]);
  const taken = Object.entries(system).filter(([name]) => !(isOtherClerk && name.startsWith("CLERK_")));
  return { ...Object.fromEntries(taken), ...own };
}
