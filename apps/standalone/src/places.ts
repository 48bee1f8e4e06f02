import { fileURLToPath } from "node:url";

/** What differs between a clone and the package on npm, whose build replaces this module. */
export type Places = {
  /** How an operator starts this program, as in "PORT=4000 npm start". */
  command: string;
  /** The same with an option. */
  commandWith(option: `--${string}`): string;
  /** Read for variables that the environment lacks. Undefined in an app's folder, whose `.env` is the app's own. */
  environmentFile: string | undefined;
  /** Paths of the built entry points. */
  programs: { migrate: string; worker: string; api: string; simulator: string; example: string | undefined };
};

const inRepository = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

export const places: Places = {
  command: "npm start",
  commandWith: (option) => `npm start -- ${option}`,
  environmentFile: inRepository(".env"),
  programs: {
    migrate: inRepository("apps/cli/dist/migrate/main.js"),
    worker: inRepository("apps/worker/dist/main.js"),
    api: inRepository("apps/api/dist/main.js"),
    simulator: inRepository("packages/clerk-simulator/dist/page/main.js"),
    example: inRepository("examples/dashboard/dist/server/main.js"),
  },
};
