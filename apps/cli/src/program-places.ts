/** The built programs beside this one, in the sources as in the build. The build of the package replaces this module. */
export const programPlaces = {
  api: new URL("../../api/dist/main.js", import.meta.url),
  worker: new URL("../../worker/dist/main.js", import.meta.url),
  migrate: new URL("./migrate/main.js", import.meta.url),
  dev: new URL("../../standalone/dist/main.js", import.meta.url),
};
