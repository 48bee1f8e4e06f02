import { programPlaces } from "./program-places.ts";

type ProgramName = keyof typeof programPlaces;

/** What the usage says of each program that runs in place of a command, with its options. */
export const programs: Readonly<
  Record<ProgramName, { description: string; options: readonly [flag: `--${string}`, description: string][] }>
> = {
  api: { description: "run the api", options: [] },
  worker: { description: "run a worker", options: [] },
  migrate: {
    description: "apply the missing migrations, and restore what the app's schema lost",
    options: [["--down", "revert the last migration; the app's tables and data stay"]],
  },
  dev: {
    description: "run the whole system for development, with a Clerk simulator and a Postgres in .rollcall/",
    options: [
      ["--fresh", "delete the data in .rollcall/ first"],
      [
        "--empty-unknown-users",
        "let full syncs empty the users of DATABASE_URL that the simulator does not know",
      ],
    ],
  },
};

/** The place of the program that `args` name; undefined for a command, for --help and for a wrong option. */
export function findProgram([name, ...options]: readonly string[]): URL | undefined {
  if (name === undefined || !isProgram(name)) return undefined;
  const known = programs[name].options.map(([flag]) => flag);
  return options.every((given) => known.some((flag) => flag === given)) ? programPlaces[name] : undefined;
}

function isProgram(name: string): name is ProgramName {
  return Object.hasOwn(programPlaces, name);
}
