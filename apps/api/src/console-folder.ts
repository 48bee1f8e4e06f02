import { fileURLToPath } from "node:url";

/** The folder of the built console, beside this app's own, in the sources as in the build. */
export const consoleFolder = fileURLToPath(new URL("../../console/dist/", import.meta.url));
