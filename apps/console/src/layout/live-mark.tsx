import { useLiveState } from "../api/live.ts";
import { useFormats } from "../language/formats.ts";
import { useTexts } from "../language/language.tsx";
import { layoutTexts } from "./texts.ts";

/** Whether the page shows the present state, in a word. */
export function LiveMark() {
  const { state, lagMs, postgres } = useLiveState();
  const formats = useFormats();
  const texts = useTexts(layoutTexts).live;
  return (
    <span className="live-mark" data-state={state} role="status">
      {state === "behind"
        ? postgres === "down"
          ? texts.postgresDown
          : texts.behind(formats.duration(lagMs))
        : texts[state]}
    </span>
  );
}
