import { setTimeout as sleep } from "node:timers/promises";
import { connectClerkSimulator, type RemoteClerkSimulator } from "@rollcall/clerk-simulator";

type DemoOptions = {
  simulatorUrl: string;
  apiUrl: string;
  signal: AbortSignal;
};

/** How a person's webhooks are disturbed, and which event leads to the profile. */
type Story = "smooth" | "lost-then-login" | "lost-then-ensure" | "thrice" | "lost-for-good";

const opening: readonly [waitMs: number, story: Story][] = [
  [1_500, "smooth"],
  [5_000, "thrice"],
  // The first full sync, which would find this user too, is over by now.
  [7_000, "lost-then-ensure"],
  // Only the catch-up finds this user.
  [6_000, "lost-for-good"],
  [7_000, "lost-then-login"],
  [8_000, "smooth"],
];
const later: readonly Story[] = ["smooth", "lost-for-good", "smooth", "lost-then-ensure", "thrice"];
const laterEveryMs = 45_000;
/** With this many people at the simulator, no more sign up. */
const enoughPeople = 40;
const returnsAfterMs = 3_000;

/**
 * Signs up invented people at the simulator, so that the page and the terminal show something. Pauses while a visitor
 * of the page has set a fault. Never rejects: a part that is down is skipped.
 */
export async function runDemo(options: DemoOptions): Promise<void> {
  const { simulatorUrl, signal } = options;
  const wait = (ms: number) => sleep(ms, undefined, { signal });
  try {
    const clerk = await connectClerkSimulator(simulatorUrl);
    for (const [waitMs, story] of opening) {
      await wait(waitMs);
      await signUpOne(options, clerk, story);
    }
    for (let turn = 0; ; turn++) {
      await wait(laterEveryMs);
      await signUpOne(options, clerk, later[turn % later.length] ?? "smooth");
    }
  } catch {
    // Only the waits reject, when the signal is aborted.
  }
}

async function signUpOne(options: DemoOptions, clerk: RemoteClerkSimulator, story: Story): Promise<void> {
  try {
    const count = await clerk.users.count();
    if (count >= enoughPeople || (await hasFaults(clerk))) return;
    await clerk.webhooks.disturb({
      loseNext: story.startsWith("lost") ? 1 : 0,
      copies: story === "thrice" ? 3 : 1,
    });
    const { id } = await clerk.users.create(inventPerson(count)).finally(() => clerk.webhooks.calm());
    // Not awaited, so that the next person signs up meanwhile.
    void signInAgain(options, clerk, id, story).catch(() => undefined);
  } catch {
    // The simulator is restarting.
  }
}

async function hasFaults(clerk: RemoteClerkSimulator): Promise<boolean> {
  const { loseNext, copies } = await clerk.webhooks.disturbance();
  return loseNext > 0 || copies > 1 || (await clerk.faults.list()).length > 0;
}

async function signInAgain(
  { apiUrl, simulatorUrl, signal }: DemoOptions,
  clerk: RemoteClerkSimulator,
  userId: string,
  story: Story,
): Promise<void> {
  if (story !== "lost-then-login" && story !== "lost-then-ensure") return;
  await sleep(returnsAfterMs, undefined, { signal });
  await clerk.sessions.signIn(userId, { silent: story !== "lost-then-login" });
  if (story === "lost-then-login") return;
  const token = await clerk.sessions.mintToken({ userId, azp: simulatorUrl });
  await fetch(`${apiUrl}/api/ensure`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
    signal,
  });
}

const firstNames = [
  ...["Ana", "Bruno", "Carla", "Diego", "Elisa", "Fábio", "Gabriela", "Heitor", "Inês", "João"],
  ...["Karina", "Lucas", "Marina", "Natália", "Otávio", "Paula", "Rafael", "Sofia", "Tiago", "Vitória"],
];
const lastNames = ["Silva", "Souza", "Costa", "Oliveira", "Pereira", "Lima", "Gomes", "Ribeiro", "Alves"];

type DemoPerson = { firstName: string; lastName: string; email: string };

/** The n-th invented person. A name is used again only after all pairs. */
function inventPerson(n: number): DemoPerson {
  const firstName = firstNames[n % firstNames.length] ?? "Ana";
  const lastName = lastNames[(n * 4 + Math.floor(n / firstNames.length)) % lastNames.length] ?? "Silva";
  const address = `${firstName}.${lastName}.${n + 1}`.normalize("NFD").replace(/[^\w.]/g, "");
  return { firstName, lastName, email: `${address.toLowerCase()}@example.com` };
}
