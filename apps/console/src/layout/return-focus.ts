import type { RouterHistory } from "@tanstack/react-router";

/**
 * After Back, gives the focus to the link that led to the page which the operator left, so that work on a list goes on
 * where it was. The list may still load, and the frame gives a new page's focus to its heading: the link gets the focus
 * again until the operator does something else.
 */
export function returnFocusAfterBack(history: RouterHistory): void {
  let shown = window.location.pathname;
  let left: string | undefined;

  function focusLink(): void {
    if (left === undefined) return;
    const content = document.querySelector("main");
    const { activeElement } = document;
    if (!content || !activeElement) return;
    // A new page gives the focus to its heading.
    if (![document.body, content, content.querySelector("h1")].some((free) => free === activeElement)) return;
    const links = [...content.querySelectorAll<HTMLAnchorElement>("a[href]")];
    links.find((link) => link.pathname === left)?.focus({ preventScroll: true });
  }

  const observer = new MutationObserver(focusLink);
  const forget = () => {
    left = undefined;
    observer.disconnect();
  };
  history.subscribe(({ location, action }) => {
    const before = shown;
    shown = location.pathname;
    if (action.type === "REPLACE" || before === shown) return;
    forget();
    if (action.type !== "BACK") return;
    left = before;
    observer.observe(document.body, { childList: true, subtree: true });
  });
  document.addEventListener("focusin", focusLink);
  for (const event of ["keydown", "pointerdown"]) document.addEventListener(event, forget, true);
}
