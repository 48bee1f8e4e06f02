import { basename, dirname } from "node:path";
import { type AppName, bundleApp, programs } from "./bundle-app.ts";

// An app's build runs this program in the app's folder, after the compiler.
const folder = process.cwd();
const app = basename(folder);
if (!isAppName(app)) throw new Error(`${folder} is not one of the apps ${Object.keys(programs).join(", ")}`);
await bundleApp(dirname(dirname(folder)), app);

function isAppName(name: string): name is AppName {
  return Object.hasOwn(programs, name);
}
