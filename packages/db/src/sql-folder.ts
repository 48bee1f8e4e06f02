import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

// Found by the package's name, because a bundled program lies in another folder than this module.
const workspace = createRequire(import.meta.url).resolve("@rollcall/db/package.json");

/** The folder of `migrations/` and `roles.sql`. */
export const sqlFolder = new URL(".", pathToFileURL(workspace));
