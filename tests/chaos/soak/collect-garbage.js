import { writeFileSync } from "node:fs";
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
  writeFileSync(file, JSON.stringify({ live: heapUsed + external, resident: rss }));
});
