/**
 * A page that is left open reads again whenever the stream says that something changed, and after each failure. Such reads
 * are no use of the session, which ends after eight hours without any.
 */
const countsForMs = 60_000;

const signs = ["pointerdown", "keydown", "wheel", "focus"] as const;

/** Watches whether an operator uses the page. @returns whether one did so in the last minute; opening it counts */
export function watchUse(page: Pick<Window, "addEventListener">, readMs: () => number): () => boolean {
  let usedAtMs = readMs();
  for (const sign of signs)
    page.addEventListener(
      sign,
      () => {
        usedAtMs = readMs();
      },
      // Before a dialog, which may keep an event to itself. Only the page's own focus counts: code moves that of a field.
      { capture: sign !== "focus", passive: true },
    );
  return () => readMs() - usedAtMs < countsForMs;
}
