import { causeText, durationText, text, timeText } from "./texts.js";

/** Decides the badge of a card: how far Rollcall is with this person. */
export function decideState(person, parts) {
  const { row } = person;
  if (!parts.database) return "unseen";
  const last = person.webhooks.at(-1);
  const isLost = last?.state === "lost" || last?.state === "failed";
  if (!row) return isLost ? "lost" : "waiting";
  const hasName = person.firstName || person.lastName;
  // The app's table may have no column for the name.
  const isOtherName = hasName && row.name !== undefined && row.name !== person.name;
  const isBehind = row.email !== person.email || row.banned !== person.banned || isOtherName;
  if (isBehind) return isLost ? "missed" : "behind";
  if (person.banned) return "banned";
  return row.profile || row.role === "admin" || !parts.profiles ? "provisioned" : "behind";
}

/** Null before there is a row. */
export function tookText(person) {
  if (!person.row) return null;
  const took = text("took", { time: durationText(person.row.createdAtMs - person.createdAtMs) });
  return person.cause ? `${took}, ${causeText(person.cause)}` : took;
}

const skeleton = `
  <div class="card-head">
    <span class="avatar" aria-hidden="true"></span>
    <div class="who"><h3></h3><p class="sub"></p><code class="id"></code></div>
    <span class="badge"></span>
  </div>
  <div class="sides">
    <div class="side"><h4 class="at-clerk"></h4><p class="signed-up"></p><ul class="hooks"></ul></div>
    <div class="side"><h4 class="at-rollcall"></h4><p class="took"></p><dl class="made"></dl></div>
  </div>
  <div class="actions"></div>
  <div class="answer" hidden><p role="status"></p><details><summary></summary><pre tabindex="0"></pre></details></div>`;

const actions = ["signIn", "edit", "ban", "delete"];

/** A card for one person; `onAction` receives the name of the pressed button. */
export function createCard(onAction) {
  const card = document.createElement("li");
  card.className = "card";
  card.innerHTML = skeleton;
  for (const name of actions) {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.action = name;
    button.addEventListener("click", () => onAction(name, card));
    card.querySelector(".actions").append(button);
  }
  return card;
}

/** Updates a card. Unchanged elements are not touched, so that focus and scroll position stay. */
export function updateCard(card, person, parts) {
  const state = decideState(person, parts);
  card.dataset.person = person.id;
  card.dataset.state = state;
  write(card, ".avatar", initialsOf(person.name));
  write(card, "h3", person.name);
  write(card, ".sub", person.email && person.email !== person.name ? person.email : "");
  write(card, ".id", person.id);
  write(card, ".badge", text(`state.${state}`));
  write(card, ".at-clerk", text("atClerk"));
  write(card, ".at-rollcall", text("atRollcall"));
  write(card, ".signed-up", text("signedUpAt", { time: timeText(person.createdAtMs) }));
  write(card, ".took", tookText(person) ?? text(`state.${state}`));
  writeList(card.querySelector(".hooks"), describeHooks(person.webhooks));
  writeFacts(card.querySelector(".made"), describeRows(person, parts));
  for (const name of actions) {
    const key = name === "ban" && person.banned ? "unban" : name;
    const button = card.querySelector(`[data-action="${name}"]`);
    if (button.textContent !== text(key)) button.textContent = text(key);
    button.setAttribute("aria-label", text(`${key}Of`, { name: person.name }));
  }
  write(card, "summary", text("answerBody"));
}

export function showAnswer(card, { sentence, tone, body }) {
  const box = card.querySelector(".answer");
  box.hidden = false;
  box.dataset.tone = tone;
  write(box, "p", sentence);
  box.querySelector("details").hidden = body === undefined;
  write(box, "pre", body === undefined ? "" : JSON.stringify(body, null, 2));
}

function initialsOf(name) {
  const words = name.split(/\s+/).filter(Boolean);
  return [words[0], words.length > 1 ? words.at(-1) : undefined]
    .map((word) => (word ? [...word][0].toUpperCase() : ""))
    .join("");
}

function describeHooks(webhooks) {
  if (webhooks.length === 0) return [{ words: text("noHooks"), state: "none" }];
  return webhooks.map(({ type, state, copies }) => {
    const times = copies > 1 && state !== "lost" ? `, ${text("hookCopies", { count: copies })}` : "";
    return { words: `${type}: ${text(`hook.${state}`)}${times}`, state };
  });
}

function describeRows({ row }, parts) {
  if (!parts.database) return [];
  const missing = row?.banned ? "noneBanned" : row?.role === "admin" ? "noneAdmin" : "none";
  const { profile } = row ?? {};
  const found = [
    [
      text("row"),
      row ? [row.name, row.tier, row.role].filter(Boolean).join(" · ") : text("none"),
      Boolean(row),
    ],
  ];
  if (parts.profiles)
    found.push([
      text("profile"),
      profile ? profile.join(" · ") || text("there") : text(missing),
      Boolean(profile),
    ]);
  return found;
}

function write(parent, selector, words) {
  const element = parent.querySelector(selector);
  if (element.textContent !== words) element.textContent = words;
}

function writeList(list, entries) {
  if (list.dataset.shown === JSON.stringify(entries)) return;
  list.dataset.shown = JSON.stringify(entries);
  list.replaceChildren(
    ...entries.map(({ words, state }) => {
      const item = document.createElement("li");
      item.dataset.state = state;
      item.textContent = words;
      return item;
    }),
  );
}

function writeFacts(list, facts) {
  if (list.dataset.shown === JSON.stringify(facts)) return;
  list.dataset.shown = JSON.stringify(facts);
  list.replaceChildren(
    ...facts.map(([name, words, isThere]) => {
      const group = document.createElement("div");
      group.dataset.there = String(isThere);
      const term = document.createElement("dt");
      term.textContent = name;
      const value = document.createElement("dd");
      value.textContent = words;
      group.append(term, value);
      return group;
    }),
  );
}
