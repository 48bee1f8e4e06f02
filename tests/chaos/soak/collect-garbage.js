import { renameSync, writeFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

// Loaded before a process that is soaked. V8 collects when it must, and with room to spare that takes longer than a
// soak: garbage that waits would look like a leak. Whoever signals finds what is left in the file that `to` names.
setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc");
const file = new URL(import.meta.url).searchParams.get("to") ?? "";

process.on("SIGUSR2", () => {
  collect();
  const { heapUsed, external, rss } = process.memoryUsage();
  // Whoever reads it finds all of it, or what was before.
  writeFileSync(
    `${file}.next`,
    JSON.stringify({ atMs: Date.now(), live: heapUsed + external, resident: rss }),
  );
  renameSync(`${file}.next`, file);
});
