// Ends every process of a test run after the runner is gone, also after SIGKILL, and removes the run's folder. The
// runner holds this process's standard input, which closes with the runner. A process belongs to the run when its
// working directory, its command line or its environment names the folder. Exit hooks in the runner are not enough:
// SIGKILL runs none, and Postgres leaves the session and the process group of its parent.

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** How long a process may take to end after the first signal. */
const graceMs = 5_000;
const pollMs = 50;

const folder = process.argv[2];
if (!folder) throw new Error("Usage: run-watch.js FOLDER");

// A terminal that closes sends SIGHUP to every process in its session. This process has to go on.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => {});

process.stdin.resume().once("close", async () => {
  const startedMs = Date.now();
  const asked = new Set();
  for (let found = findMembers(); found.length > 0; found = findMembers()) {
    for (const { pid, isPostgres } of found) {
      if (Date.now() - startedMs > graceMs) send(pid, "SIGKILL");
      // SIGKILL would leave shared memory of Postgres behind, and after SIGTERM Postgres waits for its clients.
      else if (!asked.has(pid)) send(pid, isPostgres ? "SIGQUIT" : "SIGTERM");
      // A stopped process handles a signal only after SIGCONT.
      if (!asked.has(pid)) send(pid, "SIGCONT");
      asked.add(pid);
    }
    await sleep(pollMs);
  }
  rmSync(folder, { recursive: true, force: true });
  process.exit();
});

function send(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch {
    // The process has ended meanwhile.
  }
}

function findMembers() {
  const all = process.platform === "linux" ? listByProc() : listByPs();
  return all
    .filter(({ pid, words }) => pid !== process.pid && words.includes(folder))
    .map(({ pid, words }) => ({ pid, isPostgres: /postgres/.test(words.split("\0", 1)[0]) }));
}

function listByProc() {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.map((pid) => {
    const read = (name) => attempt(() => readFileSync(`/proc/${pid}/${name}`, "utf8"));
    // A zombie has no command line, no directory and no environment, so it does not count.
    const place = attempt(() => readlinkSync(`/proc/${pid}/cwd`));
    return { pid: Number(pid), words: [read("cmdline"), place, read("environ")].join("\0") };
  });
}

/** On macOS only lsof shows working directories. */
function listByPs() {
  const run = (program, args) => attempt(() => execFileSync(program, args, { cwd: "/", encoding: "utf8" }));
  const words = new Map();
  for (const line of run("ps", ["-axEwwo", "pid=,command="]).split("\n")) {
    const [, pid, command] = /^ *(\d+) (.*)$/.exec(line) ?? [];
    if (pid) words.set(Number(pid), command);
  }
  for (const part of run("lsof", ["-a", "-d", "cwd", "-Fpn"]).split(/^p/m)) {
    const pid = Number.parseInt(part, 10);
    if (words.has(pid)) words.set(pid, `${words.get(pid)}\0${part}`);
  }
  return [...words].map(([pid, text]) => ({ pid, words: text }));
}

function attempt(read) {
  try {
    return read();
  } catch {
    return "";
  }
}
