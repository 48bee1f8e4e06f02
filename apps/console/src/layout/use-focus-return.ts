import { useRouterState } from "@tanstack/react-router";
import { type RefObject, useEffect, useRef } from "react";

/** The element that had the focus last, also before the frame of the pages was drawn: a field of the login form. */
let last: Element | null = null;
document.addEventListener("focusin", ({ target }) => {
  if (target instanceof Element) last = target;
});

/**
 * Keeps the keyboard's place. A new page takes the focus to its heading. When the focused element leaves the page, such as
 * the login form or the button of a decision that was made, the heading takes the focus too. Browsers would drop it to the
 * body, from where Tab begins at the top again.
 */
export function useFocusReturn(main: RefObject<HTMLElement | null>): void {
  const path = useRouterState({ select: ({ resolvedLocation }) => resolvedLocation?.pathname });
  const shownPath = useRef(path);
  const wantsHeading = useRef(false);
  useEffect(() => {
    const look = () => {
      isAsked = false;
      const isLost = document.activeElement === document.body && last !== null && !last.isConnected;
      if (!isLost && !wantsHeading.current) return;
      const heading = main.current?.querySelector("h1");
      // A page draws its heading once its answer is there, and the next change of the document asks again.
      if (!heading) return;
      wantsHeading.current = false;
      heading.tabIndex = -1;
      heading.focus({ preventScroll: isLost });
    };
    let isAsked = false;
    const ask = () => {
      if (isAsked) return;
      isAsked = true;
      // A closing dialog gives the focus back to its opener one frame later, and comes first.
      requestAnimationFrame(() => requestAnimationFrame(look));
    };
    const observer = new MutationObserver(ask);
    observer.observe(document.body, { childList: true, subtree: true });
    ask();
    return () => observer.disconnect();
  }, [main]);
  useEffect(() => {
    if (path === shownPath.current) return;
    const isFirst = shownPath.current === undefined;
    shownPath.current = path;
    if (isFirst) return;
    wantsHeading.current = true;
    main.current?.focus();
    // The operator may move on while the page is loaded.
    const stop = ({ target }: FocusEvent) => {
      if (target !== main.current) wantsHeading.current = false;
    };
    document.addEventListener("focusin", stop);
    return () => document.removeEventListener("focusin", stop);
  }, [path, main]);
}
