import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

// `npm start` is one process without a shell around it, because a shell that is ended by a signal leaves its children
// running. Therefore this file runs the build, and imports the result.

const root = fileURLToPath(new URL("../..", import.meta.url));

async function build() {
  const child = spawn(process.execPath, [findTurbo(), "run", "build", "--output-logs=errors-only"], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => output.push(chunk));
  const stop = (signal) => {
    child.kill(signal);
    process.exit(0);
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, stop);
  const [code] = await once(child, "close");
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.removeListener(signal, stop);
  if (code === 0) return;
  process.stderr.write(`${Buffer.concat(output)}\nThe build failed; its messages are above.\n`);
  process.exit(1);
}

function findTurbo() {
  try {
    return createRequire(import.meta.url).resolve("turbo/bin/turbo");
  } catch {
    process.stderr.write("The packages are not installed. Run this first: npm ci\n");
    process.exit(1);
  }
}

process.stdout.write("Building (a few seconds the first time, cached later)\n");
await build();
await import("./dist/main.js");
