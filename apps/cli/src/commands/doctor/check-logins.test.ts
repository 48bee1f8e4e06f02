import { expect, test } from "vitest";
import { checkAlertAddress, checkLogins } from "./check-logins.ts";

const origins = "https://app.example.com,capacitor://localhost";

/** The state of each finding, by name. */
function statesOf(environment: Record<string, string>): Record<string, string> {
  const all = { CLERK_AUTHORIZED_PARTIES: origins, ...environment };
  return Object.fromEntries(checkLogins(all).map(({ name, state }) => [name, state]));
}

test("the defaults are good, and each finding names the variable that changes it", () => {
  expect(statesOf({})).toEqual({ "logins.origins": "ok", "logins.missing_azp": "ok", "logins.issuer": "ok" });
  const text = JSON.stringify(checkLogins({ CLERK_AUTHORIZED_PARTIES: origins }));
  for (const words of ["CLERK_ACCEPT_MISSING_AZP=true", "session.no_azp", "CLERK_ISSUER", "2 origin(s)"])
    expect(text).toContain(words);
});

test.each<[string, string, Record<string, string>]>([
  ["logins.missing_azp", "note", { CLERK_ACCEPT_MISSING_AZP: "true" }],
  ["logins.missing_azp", "unknown", { CLERK_ACCEPT_MISSING_AZP: "perhaps" }],
  ["logins.issuer", "unknown", { CLERK_ISSUER: "clerk.example.com" }],
  ["logins.issuer", "ok", { CLERK_ISSUER: "https://clerk.example.com" }],
  ["logins.origins", "unknown", { CLERK_AUTHORIZED_PARTIES: "app.example.com" }],
  [
    "logins.origins",
    "note",
    { CLERK_SECRET_KEY: "sk_live_x", CLERK_AUTHORIZED_PARTIES: `${origins},http://localhost:5173` },
  ],
])("%s is %s with %j", (name, state, environment) => {
  expect(statesOf(environment)[name]).toBe(state);
});

test("no finding shows a value of the environment", () => {
  const environment = {
    CLERK_AUTHORIZED_PARTIES: "https://kanarienvogel.example",
    CLERK_ISSUER: "https://kanarienvogel.clerk.accounts.dev",
    ALERT_WEBHOOK_URL: "https://chat.example.com/kanarienvogel",
  };
  const findings = [...checkLogins(environment), checkAlertAddress(environment)];
  expect(JSON.stringify(findings)).not.toContain("kanarienvogel");
});

test("alerts without an address are a note", () => {
  expect(checkAlertAddress({}).state).toBe("note");
});
