import { useEffect } from "react";

/** Names the tab. A title never holds an email or a name. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Rollcall`;
  }, [title]);
}
