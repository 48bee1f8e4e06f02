import { chooseLanguage, text, writeTexts } from "./texts.js";

const byId = (id) => document.getElementById(id);
const returnTo = new URLSearchParams(location.search).get("return_to");
let busy = false;

/** Begins a session for a new person or a known user, and returns to the app. */
async function enter(chosen) {
  // A second click during the first request would make a second account.
  if (busy) return;
  busy = true;
  byId("problem").hidden = true;
  try {
    const answer = await fetch("/sign-in", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ returnTo, ...chosen }),
    });
    const { location: address, error } = await answer.json();
    if (error !== undefined) return showProblem(error);
    // Back leads to the app's page before, and not to this one.
    location.replace(address);
  } catch {
    showProblem(text("signInFailed"));
  } finally {
    busy = false;
  }
}

function showProblem(words) {
  byId("problem").textContent = words;
  byId("problem").hidden = false;
}

async function showPeople() {
  const { people } = await (await fetch("/sign-in/people", { cache: "no-store" })).json();
  byId("empty").hidden = people.length > 0;
  byId("people").replaceChildren(
    ...people.map(({ id, name, email }) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = email === null ? name : `${name} · ${email}`;
      button.addEventListener("click", () => enter({ userId: id }));
      const item = document.createElement("li");
      item.append(button);
      return item;
    }),
  );
}

byId("sign-up").addEventListener("submit", (event) => {
  event.preventDefault();
  const filled = new FormData(event.target);
  const read = (name) => filled.get(name).trim() || null;
  void enter({ person: { firstName: read("firstName"), lastName: read("lastName"), email: read("email") } });
});
for (const button of document.querySelectorAll("[data-language]"))
  button.addEventListener("click", () => chooseLanguage(button.dataset.language));

byId("app").textContent = new URL(returnTo).host;
writeTexts();
showPeople().catch(() => showProblem(text("signInFailed")));
