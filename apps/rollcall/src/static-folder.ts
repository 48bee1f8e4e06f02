/** The files of the simulator's page. */
export const staticFolder = new URL("../simulator/", import.meta.url);
