const beside = (name: string) => new URL(`./${name}.js`, import.meta.url);

/** The programs that run in place of a command. */
export const programPlaces = {
  api: beside("api"),
  worker: beside("worker"),
  migrate: beside("migrate"),
  dev: beside("dev"),
};
