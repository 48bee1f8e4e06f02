import { dirname } from "node:path";
import { stagePackage } from "./stage-package.ts";

// The build of apps/rollcall runs this program in its folder, after the builds of the apps.
const folder = process.cwd();
await stagePackage(dirname(dirname(folder)), folder);
