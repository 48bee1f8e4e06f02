import { type ReactNode, type RefObject, useLayoutEffect, useRef } from "react";

type Props = { fallback: RefObject<HTMLElement | null>; children: ReactNode };

/** Hands the focus on when what holds it goes away, so that a keyboard's user is not thrown to the top of the page. */
export function KeepFocus({ fallback, children }: Props): ReactNode {
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const { current } = box;
    // Runs before the elements leave the page, while one of them may still have the focus.
    return () => {
      if (current?.contains(document.activeElement)) fallback.current?.focus();
    };
  }, [fallback]);
  return <div ref={box}>{children}</div>;
}
