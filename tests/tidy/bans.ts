import { basename } from "node:path";
import type { Source } from "./source.ts";
import { isTest } from "./tree.ts";

/** Files and folders with a vague name. */
export function findVagueNames(sources: readonly Source[]): string[] {
  return sources
    .map(({ path }) => path)
    .filter((path) => path.split("/").some((part) => /(^|[-_])(utils?|helpers?|common)(\.|$)/i.test(part)))
    .map((path) => `${path}: name it after the one idea that it holds`);
}

/** `export *` adds exports to a package without a decision for each. */
export function findStarExports(sources: readonly Source[]): string[] {
  return sources.flatMap(({ path, starExports }) =>
    starExports.map((line) => `${path}:${line}: name each export`),
  );
}

/** Only a `main.ts` reads the environment, so that its list of variables is complete. */
export function findEnvironmentReads(sources: readonly Source[]): string[] {
  return sources
    .filter(({ path }) => !isTest(path) && basename(path) !== "main.ts")
    .flatMap(({ path, environmentReads }) =>
      environmentReads.map((line) => `${path}:${line}: take options; only a main.ts reads process.env`),
    );
}

/** A deadline is `withTimeout` of contracts, which clears its timer and has one error. */
export function findTimerRaces(sources: readonly Source[]): string[] {
  return sources
    .filter(({ path }) => !isTest(path) && !path.startsWith("packages/contracts/"))
    .flatMap(({ path, timerRaces }) =>
      timerRaces.map((line) => `${path}:${line}: use withTimeout of contracts`),
    );
}

/** The functions of `db` throw typed errors, so that no package above wraps them again. */
export function findErrorWraps(sources: readonly Source[]): string[] {
  return sources.flatMap(({ path, errorWraps }) =>
    errorWraps.map((line) => `${path}:${line}: call the function of db; it throws typed errors`),
  );
}

/** In the repository's folder, a child process of a test could read files of a developer's `npm start`. */
export function findChildrenWithoutFolder(sources: readonly Source[]): string[] {
  return sources
    .filter(({ path }) => path.startsWith("tests/") || /\.test\.tsx?$/.test(path))
    .flatMap(({ path, childrenWithoutFolder }) =>
      childrenWithoutFolder.map((line) => `${path}:${line}: name a cwd; tmpdir() is the folder of the run`),
    );
}
