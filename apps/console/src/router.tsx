import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";
import { MessagesProvider } from "./design/messages.tsx";
import { Layout } from "./layout/layout.tsx";
import { LoginReturn } from "./layout/login-return.tsx";
import { NotFound } from "./layout/not-found.tsx";
import { returnFocusAfterBack } from "./layout/return-focus.ts";
import { RouteFailure } from "./layout/route-failure.tsx";
import { type ConflictState, conflictStates } from "./pages/conflicts/states.ts";
import { type ShownRuns, shownRuns } from "./pages/runs/shown-runs.ts";
import { readFilter } from "./pages/users/user-filter.ts";

const root = createRootRoute({
  component: Layout,
  notFoundComponent: NotFound,
  errorComponent: RouteFailure,
});

/** The part of an address behind the question mark, as a browser has it. */
type Search = Readonly<Record<string, unknown>>;

/** A choice of a page, if the address has one. */
function pick<Name extends string, Value extends string>(
  name: Name,
  values: readonly Value[],
  given: unknown,
): { [Key in Name]?: Value } {
  const value = values.find((one) => one === given);
  // A computed key has no literal type.
  return (value === undefined ? {} : { [name]: value }) as { [Key in Name]?: Value };
}

const code = /^[a-z][a-z_]*(\.[a-z_]+)?$/;
const isCode = (value: unknown): value is string => typeof value === "string" && code.test(value);

/** A kind or a cause of events. */
const isWord = (value: unknown): value is string =>
  typeof value === "string" && /^[a-z][a-z_]{0,63}$/.test(value);

/** Each page is a file of its own that a browser loads when it is opened. An address holds ids, never an email or a name. */
const routes = [
  createRoute({
    getParentRoute: () => root,
    path: "/",
    component: lazyRouteComponent(() => import("./pages/overview/overview-page.tsx"), "OverviewPage"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/users",
    validateSearch: readFilter,
    component: lazyRouteComponent(() => import("./pages/users/users-page.tsx"), "UsersPage"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/users/$clerkId",
    component: lazyRouteComponent(() => import("./pages/user/user-page.tsx"), "UserPage"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/organizations",
    component: lazyRouteComponent(
      () => import("./pages/organizations/organizations-page.tsx"),
      "OrganizationsPage",
    ),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/organizations/$clerkOrgId",
    component: lazyRouteComponent(
      () => import("./pages/organization/organization-page.tsx"),
      "OrganizationPage",
    ),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/activity",
    validateSearch: ({ kind, cause, ref }: Search): { kind?: string; cause?: string; ref?: string } => ({
      ...(isWord(kind) && { kind }),
      ...(isWord(cause) && { cause }),
      // A number in an address is a number.
      ...(/^[\w-]{1,128}$/.test(String(ref ?? "")) && { ref: String(ref) }),
    }),
    component: lazyRouteComponent(() => import("./pages/activity/activity-page.tsx"), "ActivityPage"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/dead-letters",
    validateSearch: ({ code }: Search): { code?: string } => (isCode(code) ? { code } : {}),
    component: lazyRouteComponent(
      () => import("./pages/dead-letters/dead-letters-page.tsx"),
      "DeadLettersPage",
    ),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/conflicts",
    validateSearch: ({ state }: Search): { state?: ConflictState } => pick("state", conflictStates, state),
    component: lazyRouteComponent(() => import("./pages/conflicts/conflicts-page.tsx"), "ConflictsPage"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/conflicts/$id",
    component: lazyRouteComponent(() => import("./pages/conflicts/conflict-page.tsx"), "ConflictPage"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/runs",
    validateSearch: ({ show }: Search): { show?: ShownRuns } => pick("show", shownRuns, show),
    component: lazyRouteComponent(() => import("./pages/runs/runs-page.tsx"), "RunsPage"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/runs/$id",
    component: lazyRouteComponent(() => import("./pages/runs/run-page.tsx"), "RunPage"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/alerts",
    component: lazyRouteComponent(() => import("./pages/alerts/alerts-page.tsx"), "AlertsPage"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/audit",
    component: lazyRouteComponent(() => import("./pages/audit/audit-page.tsx"), "AuditPage"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/operators",
    component: lazyRouteComponent(() => import("./pages/operators/operators-page.tsx"), "OperatorsPage"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/login",
    validateSearch: (search): { return?: string } =>
      typeof search["return"] === "string" ? { return: search["return"] } : {},
    component: LoginReturn,
  }),
] as const;

/** The router of the pages below /admin. */
export function createConsoleRouter() {
  const router = createRouter({
    routeTree: root.addChildren([...routes]),
    basepath: "/admin",
    // What no page takes from its address is removed there too.
    search: { strict: true },
    defaultPreload: "intent",
    scrollRestoration: true,
    // A message may link to a page.
    InnerWrap: MessagesProvider,
  });
  returnFocusAfterBack(router.history);
  return router;
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof createConsoleRouter>;
  }
}
