import type { Service } from "../overview/service-anchor.ts";

type AlertFacts = {
  /** What the value counts. Without a unit it is a number of things. */
  unit?: "share" | "seconds";
  /** The page below `/admin` on which an operator acts. Without one, the overview shows what is wrong. */
  page?: "/dead-letters" | "/runs" | "/users" | "/activity";
  /** The service that the alert is about, which the overview lists. */
  service?: Service;
};

const facts: Readonly<Record<string, AlertFacts>> = {
  dead_letters: { page: "/dead-letters" },
  queue_stalled: { unit: "seconds", service: "queue" },
  no_worker: { service: "workers" },
  creation_failures: { unit: "share", page: "/dead-letters" },
  creation_slow: { unit: "seconds" },
  api_slow: { unit: "seconds" },
  answers_unavailable: { unit: "share" },
  logins_refused: { unit: "share" },
  postgres_errors: { service: "postgres" },
  failed_syncs: { page: "/dead-letters" },
  reconcile_overdue: { unit: "seconds", page: "/runs" },
  webhooks_silent: { page: "/activity" },
  sign_ups_unusual: { page: "/users" },
  deletions_held: { page: "/runs" },
  schema_changed: { service: "postgres" },
  queue_memory: { unit: "share", service: "queue" },
};

/** The unit of an alert's value, and the page on which one acts. */
export function alertFacts(name: string): AlertFacts {
  return facts[name] ?? {};
}
