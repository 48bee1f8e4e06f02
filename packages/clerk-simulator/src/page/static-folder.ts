/** The files of the browser. They are not compiled, so `src/page` and `dist/page` have the same folder. */
export const staticFolder = new URL("../../src/page/static/", import.meta.url);
