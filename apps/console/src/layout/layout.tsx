import { Link, Outlet, useRouterState } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { useLiveStream } from "../api/live.ts";
import { useHasOrganizations, useProfileShape, useSession } from "../api/session.tsx";
import { Button } from "../design/button.tsx";
import { Dialog } from "../design/dialog.tsx";
import { useMessages } from "../design/messages.tsx";
import { Select } from "../design/select.tsx";
import { Loading, Problem, useProblemText } from "../design/states.tsx";
import { themes, useTheme } from "../design/theme.tsx";
import { languages, useLanguage, useTexts } from "../language/language.tsx";
import { ConnectionBanner } from "./connection-banner.tsx";
import { LiveMark } from "./live-mark.tsx";
import { LoginForm } from "./login-form.tsx";
import { loginTexts } from "./login-texts.ts";
import { layoutTexts } from "./texts.ts";
import { useFocusReturn } from "./use-focus-return.ts";
import "./layout.css";

const pages = [
  ["/", "overview"],
  ["/users", "users"],
  ["/organizations", "organizations"],
  ["/activity", "activity"],
  ["/dead-letters", "deadLetters"],
  ["/conflicts", "conflicts"],
  ["/runs", "runs"],
  ["/alerts", "alerts"],
  ["/audit", "audit"],
  ["/operators", "operators"],
] as const;

/** The frame of every page: the login while no operator is logged in, else the navigation and the page. */
export function Layout() {
  const { session, hasExpired, problem, retry } = useSession();
  const texts = useTexts(loginTexts);
  useLiveStream(Boolean(session) && !hasExpired);
  if (session === undefined)
    return (
      <main className="lonely">{problem ? <Problem error={problem} onRetry={retry} /> : <Loading />}</main>
    );
  if (session === null)
    return (
      <main className="lonely">
        <LoginForm />
      </main>
    );
  return (
    <>
      <Frame key={session.name} />
      <Dialog title={texts.expired} isOpen={hasExpired} onClose={() => {}} isHeld>
        <LoginForm isAgain name={session.name} />
      </Dialog>
    </>
  );
}

function Frame() {
  const texts = useTexts(layoutTexts);
  const hasProfiles = useProfileShape() !== null;
  const hasOrganizations = useHasOrganizations();
  // Without profiles, no user has a conflict.
  const isShown = { "/conflicts": hasProfiles, "/organizations": hasOrganizations } as Record<
    string,
    boolean
  >;
  const shown = pages.filter(([to]) => isShown[to] ?? true);
  const [isMenuOpen, setMenuOpen] = useState(false);
  const path = useRouterState({ select: (state) => state.location.pathname });
  const main = useRef<HTMLElement>(null);
  const menuSwitch = useRef<HTMLSpanElement>(null);
  useFocusReturn(main);
  // biome-ignore lint/correctness/useExhaustiveDependencies: each new page closes the menu
  useEffect(() => setMenuOpen(false), [path]);
  useEffect(() => {
    if (!isMenuOpen) return;
    const close = ({ key }: KeyboardEvent) => {
      if (key !== "Escape") return;
      setMenuOpen(false);
      menuSwitch.current?.querySelector("button")?.focus();
    };
    document.addEventListener("keydown", close);
    return () => document.removeEventListener("keydown", close);
  }, [isMenuOpen]);
  return (
    <div className="frame">
      <a className="skip" href="#content">
        {texts.skip}
      </a>
      <header className="top">
        <div className="brand">
          <span className="menu-switch" ref={menuSwitch}>
            <Button look="plain" aria-expanded={isMenuOpen} onPress={() => setMenuOpen(!isMenuOpen)}>
              <span aria-hidden="true">☰</span> {texts.menu}
            </Button>
          </span>
          <strong>Rollcall</strong>
          <LiveMark />
        </div>
      </header>
      <nav className="pages" aria-label={texts.navigation} data-open={isMenuOpen || undefined}>
        <ul>
          {shown.map(([to, name]) => (
            <li key={to}>
              <Link to={to} activeOptions={{ exact: to === "/" }} className="page-link">
                {texts[name]}
              </Link>
            </li>
          ))}
          <li>
            {/* The board is no page of this router, and has no way back. */}
            <a href="/admin/queues" className="page-link" target="_blank" rel="noreferrer">
              {texts.queues} <span aria-hidden="true">↗</span>
              <span className="unseen">{texts.newTab}</span>
            </a>
          </li>
        </ul>
        <Account />
      </nav>
      <main id="content" className="content" tabIndex={-1} ref={main}>
        <ConnectionBanner />
        <Outlet />
      </main>
    </div>
  );
}

const languageNames = { en: "English", "pt-BR": "Português" } as const;

/** The operator, with the choices that stay in this browser. */
function Account() {
  const texts = useTexts(layoutTexts);
  const { session, logOut } = useSession();
  const { language, choose } = useLanguage();
  const { theme, choose: chooseTheme } = useTheme();
  const show = useMessages();
  const describe = useProblemText();
  if (!session) return null;
  return (
    <div className="account stack tight">
      <p>
        <strong>{session.name}</strong> <span className="soft">{texts.roles[session.role]}</span>
      </p>
      <Select
        label={texts.language}
        isLabelHidden
        value={language}
        onChange={choose}
        options={languages.map((value) => ({ value, text: languageNames[value] }))}
      />
      <Select
        label={texts.theme}
        isLabelHidden
        value={theme}
        onChange={chooseTheme}
        options={themes.map((value) => ({ value, text: texts.themes[value] }))}
      />
      <Button onPress={() => logOut().catch((error) => show({ kind: "bad", text: describe(error) }))}>
        {texts.logOut}
      </Button>
    </div>
  );
}
