import { fileURLToPath } from "node:url";

const beside = (name: string) => fileURLToPath(new URL(`./${name}.js`, import.meta.url));

/** `rollcall dev` in an app's folder. */
export const places = {
  command: "npx rollcall dev",
  commandWith: (option: string) => `npx rollcall dev ${option}`,
  // An app's `.env` names the app's own database and its Clerk. Only a variable of the environment is meant for us.
  environmentFile: undefined,
  programs: {
    migrate: beside("migrate"),
    worker: beside("worker"),
    api: beside("api"),
    simulator: beside("simulator"),
    example: undefined,
  },
};
