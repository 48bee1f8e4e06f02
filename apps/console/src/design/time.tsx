import { useEffect, useState } from "react";
import { useFormats } from "../language/formats.ts";
import { useTexts } from "../language/language.tsx";
import { commonTexts } from "./texts.ts";

const tickMs = 15_000;

/** A time as a distance to now, with the exact time on hover and for screen readers. */
export function Time({ at }: { at: string | null }) {
  const formats = useFormats();
  const texts = useTexts(commonTexts);
  const [nowMs, setNowMs] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNowMs(Date.now()), tickMs);
    return () => clearInterval(timer);
  }, []);
  if (at === null) return <span className="soft">{texts.noValue}</span>;
  return (
    <time dateTime={at} title={formats.dateTime(at)}>
      {formats.ago(at, nowMs)}
    </time>
  );
}
