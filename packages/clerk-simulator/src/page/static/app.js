import { control, readState, signIn } from "./clerk.js";
import { createCard, decideState, showAnswer, tookText, updateCard } from "./person-card.js";
import { prepareSwitches, showParts, showSwitches } from "./status.js";
import { chooseLanguage, text, writeTexts } from "./texts.js";

const everyMs = 1_000;
const fastEveryMs = 250;
/** After an action, the page refreshes every 250 ms for this long. */
const fastForMs = 6_000;

const byId = (id) => document.getElementById(id);
const cards = new Map();
let state;
let fastUntilMs = 0;
let timer;

async function refresh() {
  clearTimeout(timer);
  try {
    const next = await readState();
    byId("unreached").hidden = true;
    announceChanges(state, next);
    state = next;
    show();
  } catch {
    byId("unreached").textContent = text("unreached");
    byId("unreached").hidden = false;
  }
  timer = setTimeout(refresh, Date.now() < fastUntilMs ? fastEveryMs : everyMs);
}

/** Runs an action at Clerk, then refreshes the page often. */
async function act(action) {
  fastUntilMs = Date.now() + fastForMs;
  try {
    await action();
  } catch (error) {
    announce(text("failed", { error: error.message }));
  }
  await refresh();
}

function show() {
  const { people, total, gone, parts } = state;
  byId("total").textContent =
    total > people.length ? text("shown", { shown: people.length, total }) : String(total);
  byId("empty").hidden = people.length > 0;
  showPeople(people, parts);
  showGone(gone);
  showParts(byId("parts"), state);
  showSwitches(state);
}

function showPeople(people, parts) {
  const list = byId("people");
  const present = new Set(people.map((person) => person.id));
  for (const [id, card] of cards) {
    if (present.has(id)) continue;
    // The focus must not jump to the top of the page when its card is removed.
    if (card.contains(document.activeElement)) byId("people-title").focus();
    card.remove();
    cards.delete(id);
  }
  people.forEach((person, index) => {
    const card = cards.get(person.id) ?? createCard(onAction);
    cards.set(person.id, card);
    updateCard(card, person, parts);
    if (list.children[index] !== card) list.insertBefore(card, list.children[index] ?? null);
  });
}

function showGone(gone) {
  byId("gone-part").hidden = gone.length === 0;
  const items = gone.map(({ name, row }) => {
    const how = row === null ? "goneNever" : row.deleted ? "goneDone" : "goneWaiting";
    return { name, how, words: text(how) };
  });
  const list = byId("gone");
  if (list.dataset.shown === JSON.stringify(items)) return;
  list.dataset.shown = JSON.stringify(items);
  list.replaceChildren(
    ...items.map(({ name, how, words }) => {
      const item = document.createElement("li");
      item.dataset.state = how;
      const nameElement = document.createElement("strong");
      nameElement.textContent = name;
      item.append(nameElement, " ", words);
      return item;
    }),
  );
}

function announceChanges(before, after) {
  if (!before) return;
  const was = new Map(before.people.map((person) => [person.id, decideState(person, before.parts)]));
  for (const person of after.people) {
    if (decideState(person, after.parts) !== "provisioned" || was.get(person.id) === "provisioned") continue;
    announce(text("saidProvisioned", { name: person.name, took: tookText(person) }));
  }
  const known = new Set(before.gone.map(({ id }) => id));
  for (const { id, name } of after.gone) if (!known.has(id)) announce(text("saidGone", { name }));
}

function announce(words) {
  byId("announcer").textContent = words;
}

function onAction(name, card) {
  const person = state.people.find(({ id }) => id === card.dataset.person);
  if (!person) return;
  switch (name) {
    case "signIn":
      showAnswer(card, { sentence: text("asking"), tone: "plain" });
      void act(() => signIn(state.apiUrl, person.id, (answer) => showAnswer(card, answer)));
      break;
    case "edit":
      openEdit(person);
      break;
    case "ban":
      void act(() => control(person.banned ? "users/unban" : "users/ban", person.id));
      break;
    case "delete":
      void act(() => control("users/delete", person.id));
      break;
  }
}

function readPerson(form) {
  const fields = new FormData(form);
  const read = (name) => String(fields.get(name)).trim() || null;
  return { firstName: read("firstName"), lastName: read("lastName"), email: read("email") };
}

function fill(form, { firstName, lastName, email }) {
  form.elements.firstName.value = firstName ?? "";
  form.elements.lastName.value = lastName ?? "";
  form.elements.email.value = email ?? "";
}

function openEdit(person) {
  const dialog = byId("edit");
  const form = dialog.querySelector("form");
  fill(form, person);
  form.onsubmit = () => void act(() => control("users/update", person.id, readPerson(form)));
  dialog.querySelector("[value=cancel]").onclick = () => dialog.close();
  dialog.showModal();
}

const firstNames = [
  "Alice",
  "Bento",
  "Cecília",
  "Davi",
  "Ester",
  "Felipe",
  "Helena",
  "Ícaro",
  "Júlia",
  "Lia",
];
const lastNames = [
  "Andrade",
  "Barros",
  "Cardoso",
  "Duarte",
  "Esteves",
  "Freitas",
  "Moraes",
  "Nunes",
  "Prado",
];
const pick = (names) => names[Math.floor(Math.random() * names.length)];

/** Fills the form, so that one click signs a person up. */
function suggestPerson() {
  const [firstName, lastName] = [pick(firstNames), pick(lastNames)];
  const plain = `${firstName}.${lastName}`
    .normalize("NFD")
    .replace(/[^\w.]/g, "")
    .toLowerCase();
  return { firstName, lastName, email: `${plain}.${Math.floor(Math.random() * 9_000) + 1_000}@example.com` };
}

const signUp = byId("sign-up");
signUp.addEventListener("submit", (event) => {
  event.preventDefault();
  const person = readPerson(signUp);
  void act(async () => {
    await control("users/create", person);
    fill(signUp, suggestPerson());
    announce(text("saidSignedUp", { name: [person.firstName, person.lastName].filter(Boolean).join(" ") }));
  });
});
for (const button of document.querySelectorAll("[data-language]")) {
  button.addEventListener("click", () => {
    chooseLanguage(button.dataset.language);
    if (state) show();
  });
}
prepareSwitches(act);
fill(signUp, suggestPerson());
writeTexts();
await refresh();
