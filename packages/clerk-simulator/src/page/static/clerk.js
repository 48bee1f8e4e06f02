import { text } from "./texts.js";

/** One operation of the simulator's control, such as `users/create`. */
export async function control(operation, ...args) {
  const answer = await fetch(`/__sim/${operation}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(args),
  });
  const { result, error } = await answer.json();
  if (error !== undefined) throw new Error(error);
  return result;
}

const timeoutMs = 6_000;

/** Reads the state of the page. Rejects when the simulator does not answer. */
export async function readState() {
  const answer = await fetch("/page/state", { cache: "no-store", signal: AbortSignal.timeout(timeoutMs) });
  if (!answer.ok) throw new Error(`state: ${answer.status}`);
  return answer.json();
}

const mostCalls = 20;

/**
 * Signs a person in as an app with Clerk does: takes a session token and calls ensure with it. While the answer is
 * "not yet", the call is repeated after Retry-After. The webhook of the login is sent last, because Clerk's webhook
 * arrives later than the app's call.
 */
export async function signIn(apiUrl, userId, show) {
  try {
    for (let call = 1; call <= mostCalls; call++) {
      const answer = await callEnsure(apiUrl, userId);
      show(answer);
      if (answer.retryAfterMs === undefined) return;
      await new Promise((resolve) => setTimeout(resolve, answer.retryAfterMs));
    }
    show({ sentence: text("gaveUp"), tone: "bad" });
  } finally {
    await control("sessions/signIn", userId).catch(() => undefined);
  }
}

async function callEnsure(apiUrl, userId) {
  const token = await control("sessions/mintToken", { userId, azp: location.origin });
  const startedAt = performance.now();
  try {
    const answer = await fetch(`${apiUrl}/api/ensure`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}` },
    });
    const body = await answer.json();
    const ms = Math.round(performance.now() - startedAt);
    const { meaning, tone, again } = readMeaning(answer.status, body);
    const retryAfterMs = again ? Number(answer.headers.get("retry-after") ?? 1) * 1_000 : undefined;
    const sentence = text("answered", { status: answer.status, ms, meaning: text(`meaning.${meaning}`) });
    return { sentence, tone, body, retryAfterMs };
  } catch {
    return { sentence: text("notReached"), tone: "bad", retryAfterMs: 1_000 };
  }
}

function readMeaning(status, body) {
  switch (status) {
    case 200:
      return { meaning: body.stale ? "stale" : body.created ? "created" : "ready", tone: "good" };
    case 202:
      return { meaning: "pending", tone: "plain", again: true };
    case 403:
      return { meaning: "refused", tone: "bad" };
    case 404:
    case 410:
      return { meaning: "gone", tone: "bad" };
    case 429:
    case 503:
      return { meaning: "away", tone: "bad", again: true };
    default:
      return { meaning: "other", tone: "bad" };
  }
}
