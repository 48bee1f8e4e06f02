import { control } from "./clerk.js";
import { durationText, text } from "./texts.js";

const partNames = ["api", "worker", "queue", "database", "clerk"];

/** The state of each part: true, false, or undefined while the api cannot report it. */
function readParts({ parts, switches }) {
  const missing = parts.api;
  return {
    api: missing !== null,
    worker: missing === null ? undefined : !missing.includes("worker"),
    queue: missing === null ? undefined : !missing.includes("queue"),
    database: parts.database,
    clerk: !switches.clerkDown,
  };
}

/** The latest scheduled runs of Rollcall. */
function describeRuns({ runs }) {
  return ["catch-up", "full"].map((mode) => {
    const run = runs.find((candidate) => candidate.mode === mode);
    const name = text(`run.${mode}`);
    if (!run) return { name, words: text("runNever"), key: "unknown" };
    const time = durationText(Math.max(1_000, Math.floor(run.agoMs / 1_000) * 1_000));
    const key = run.state === "succeeded" ? "up" : "down";
    return { name, words: text(key === "up" ? "runAgo" : `run.${run.state}`, { time }), key };
  });
}

export function showParts(list, state) {
  const parts = readParts(state);
  const shown = partNames.map((name) => {
    const key = parts[name] === undefined ? "unknown" : parts[name] ? "up" : "down";
    return { name: text(name), words: text(key), key };
  });
  shown.push(...describeRuns(state));
  if (list.dataset.shown === JSON.stringify(shown)) return;
  list.dataset.shown = JSON.stringify(shown);
  list.replaceChildren(
    ...shown.map(({ name, words, key }) => {
      const item = document.createElement("li");
      item.dataset.state = key;
      const label = document.createElement("span");
      label.textContent = name;
      const value = document.createElement("span");
      value.textContent = words;
      item.append(label, value);
      return item;
    }),
  );
}

const switches = {
  "lose-next": {
    isOn: (state) => state.switches.loseNext,
    turn: (on) => control("webhooks/disturb", { loseNext: on ? 1 : 0 }),
  },
  twice: {
    isOn: (state) => state.switches.twice,
    turn: (on) => control("webhooks/disturb", { copies: on ? 2 : 1 }),
  },
  "clerk-down": {
    isOn: (state) => state.switches.clerkDown,
    turn: (on) => (on ? control("faults/add", { kind: "status", status: 503 }) : control("faults/heal")),
  },
};

/** @param act runs the action of a switch and refreshes the page afterwards */
export function prepareSwitches(act) {
  for (const [id, { turn }] of Object.entries(switches)) {
    const input = document.getElementById(id);
    input.addEventListener("change", () => act(() => turn(input.checked)));
  }
}

export function showSwitches(state) {
  for (const [id, { isOn }] of Object.entries(switches)) {
    document.getElementById(id).checked = isOn(state);
  }
}
