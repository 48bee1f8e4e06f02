import { variables } from "@rollcall/contracts";
import type { Environment } from "../../cli.ts";
import { type Finding, note, ok, unknown } from "./finding.ts";

/** Explains which session tokens the api accepts, and from which origins. Faults in the form are `environment.…`. */
export function checkLogins(environment: Environment): Finding[] {
  return [checkOrigins(environment), checkMissingAzp(environment), checkIssuer(environment)];
}

/** Clerk's live keys are for production, where a page without TLS is a fault. */
function checkOrigins(environment: Environment): Finding {
  const name = "logins.origins";
  const origins = variables.CLERK_AUTHORIZED_PARTIES.safeParse(environment["CLERK_AUTHORIZED_PARTIES"]).data;
  if (!origins) return unknown(name, "Not checked: CLERK_AUTHORIZED_PARTIES is missing or malformed.");
  const isLive = environment["CLERK_SECRET_KEY"]?.trim().startsWith("sk_live_");
  const plain = origins.filter((origin) => origin.startsWith("http://"));
  if (isLive && plain.length > 0) {
    return note(
      name,
      `${plain.length} of ${origins.length} origin(s) in CLERK_AUTHORIZED_PARTIES are http:// beside a live key.`,
      "Keep only the origins of the production app. A token of any listed origin is accepted.",
    );
  }
  return ok(
    name,
    `${origins.length} origin(s) may call ensure. A token's azp and a browser's Origin must equal one of them: scheme, host and port, no slash at the end.`,
  );
}

function checkMissingAzp(environment: Environment): Finding {
  const name = "logins.missing_azp";
  const given = environment["CLERK_ACCEPT_MISSING_AZP"]?.trim() || undefined;
  const read = variables.CLERK_ACCEPT_MISSING_AZP.safeParse(given);
  if (!read.success) return unknown(name, "Not checked: CLERK_ACCEPT_MISSING_AZP is malformed.");
  return read.data
    ? note(
        name,
        "Tokens without azp are accepted, so a token from such a caller is not bound to an origin of the list.",
        "Unset CLERK_ACCEPT_MISSING_AZP unless native apps or server-side rendering call ensure.",
      )
    : ok(
        name,
        "Tokens without azp are refused (session.no_azp). Native apps, and pages rendered on a server with Clerk's cookie, need CLERK_ACCEPT_MISSING_AZP=true.",
      );
}

function checkIssuer(environment: Environment): Finding {
  const name = "logins.issuer";
  const given = environment["CLERK_ISSUER"]?.trim() || undefined;
  const read = variables.CLERK_ISSUER.safeParse(given);
  if (!read.success) return unknown(name, "Not checked: CLERK_ISSUER is malformed.");
  return read.data === undefined
    ? ok(name, "CLERK_ISSUER is not set: the signature alone proves which Clerk instance made a token.")
    : ok(name, "Only tokens whose iss equals CLERK_ISSUER are accepted: Clerk's Frontend API URL.");
}

/** Alerts in the log reach a person only if the log is watched. */
export function checkAlertAddress(environment: Environment): Finding {
  const name = "alerts.address";
  return environment["ALERT_WEBHOOK_URL"]?.trim()
    ? ok(name, "Alerts are sent to ALERT_WEBHOOK_URL.")
    : note(
        name,
        "ALERT_WEBHOOK_URL is not set: alerts are only in the log, in rollcall alerts and in Prometheus.",
        "Set it alike for api and worker, or watch one of the others.",
      );
}
