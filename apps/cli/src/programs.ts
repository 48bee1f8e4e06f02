import { programPlaces } from "./program-places.ts";

type ProgramName = keyof typeof programPlaces;

/** What the usage says of each program that runs in place of a command, with its only option. */
export const programs: Readonly<
  Record<ProgramName, { description: string; option?: readonly [flag: `--${string}`, description: string] }>
> = {
  api: { description: "run the api" },
  worker: { description: "run a worker" },
  migrate: {
    description: "apply the missing migrations, and restore what the app's schema lost",
    option: ["--down", "revert the last migration; the app's tables and data stay"],
  },
  dev: {
    description: "run the whole system for development, with a Clerk simulator and a Postgres in .rollcall/",
    option: ["--fresh", "delete the data in .rollcall/ first"],
  },
};

/** The place of the program that `args` name; undefined for a command, for --help and for a wrong option. */
export function findProgram([name, ...options]: readonly string[]): URL | undefined {
  if (name === undefined || !isProgram(name)) return undefined;
  const option = programs[name].option?.[0];
  return options.every((given) => given === option) ? programPlaces[name] : undefined;
}

function isProgram(name: string): name is ProgramName {
  return Object.hasOwn(programPlaces, name);
}
