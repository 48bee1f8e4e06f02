type AlertFacts = {
  /** What the value counts. Without a unit it is a number of things. */
  unit?: "share" | "seconds";
  /** The page below `/admin` on which an operator acts. Without one, the overview shows what is down. */
  page?: "/dead-letters" | "/runs" | "/users" | "/activity";
};

const facts: Readonly<Record<string, AlertFacts>> = {
  dead_letters: { page: "/dead-letters" },
  queue_stalled: { unit: "seconds" },
  creation_failures: { unit: "share", page: "/dead-letters" },
  creation_slow: { unit: "seconds" },
  api_slow: { unit: "seconds" },
  answers_unavailable: { unit: "share" },
  logins_refused: { unit: "share" },
  failed_syncs: { page: "/dead-letters" },
  reconcile_overdue: { unit: "seconds", page: "/runs" },
  webhooks_silent: { page: "/activity" },
  sign_ups_unusual: { page: "/users" },
  deletions_held: { page: "/runs" },
  queue_memory: { unit: "share" },
};

/** The unit of an alert's value, and the page on which one acts. */
export function alertFacts(name: string): AlertFacts {
  return facts[name] ?? {};
}
