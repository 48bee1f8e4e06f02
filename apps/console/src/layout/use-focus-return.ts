import { useRouterState } from "@tanstack/react-router";
import { type RefObject, useEffect, useRef } from "react";

/** The element that had the focus last, also before the frame of the pages was drawn: a field of the login form. */
let last: Element | null = null;
document.addEventListener("focusin", ({ target }) => {
  if (target instanceof Element) last = target;
});

/**
 * Keeps the keyboard's place. A new page takes the focus to its heading, or to the part that the address names behind #.
 * When the focused element leaves the page, such as the login form or the button of a decision that was made, the heading
 * takes the focus too. Browsers would drop it to the body, from where Tab begins at the top again.
 */
export function useFocusReturn(main: RefObject<HTMLElement | null>): void {
  const path = useRouterState({ select: ({ resolvedLocation }) => resolvedLocation?.pathname });
  const part = useRouterState({ select: ({ resolvedLocation }) => resolvedLocation?.hash });
  const shown = useRef<string>(undefined);
  /** What takes the focus as soon as the page has drawn it. */
  const wanted = useRef<"heading" | { id: string }>(undefined);
  const askSoon = useRef<() => void>(undefined);
  useEffect(() => {
    const look = () => {
      isAsked = false;
      const isLost = document.activeElement === document.body && last !== null && !last.isConnected;
      // A dialog that closes gives the focus back to its opener a frame later. An earlier change may have asked for this
      // look, so that it comes before.
      const isNew = last !== lost;
      lost = isLost ? last : null;
      if (isLost && isNew) return ask();
      if (!isLost && !wanted.current) return;
      const target =
        typeof wanted.current === "object"
          ? document.getElementById(wanted.current.id)
          : main.current?.querySelector("h1");
      // A page draws its parts once its answer is there, and the next change of the document asks again.
      if (!target) return;
      wanted.current = undefined;
      target.tabIndex = -1;
      target.focus({ preventScroll: isLost });
    };
    let isAsked = false;
    let lost: Element | null = null;
    const ask = () => {
      if (isAsked) return;
      isAsked = true;
      requestAnimationFrame(() => requestAnimationFrame(look));
    };
    const observer = new MutationObserver(ask);
    observer.observe(document.body, { childList: true, subtree: true });
    askSoon.current = ask;
    ask();
    return () => observer.disconnect();
  }, [main]);
  useEffect(() => {
    const now = `${path}#${part}`;
    if (path === undefined || now === shown.current) return;
    const isFirst = shown.current === undefined;
    shown.current = now;
    if (isFirst && !part) return;
    wanted.current = part ? { id: part } : "heading";
    main.current?.focus({ preventScroll: Boolean(part) });
    askSoon.current?.();
    // The operator may move on while the page is loaded.
    const stop = ({ target }: FocusEvent) => {
      if (target !== main.current) wanted.current = undefined;
    };
    document.addEventListener("focusin", stop);
    return () => document.removeEventListener("focusin", stop);
  }, [path, part, main]);
}
