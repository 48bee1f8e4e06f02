import { useQuery } from "@tanstack/react-query";
import { useTexts } from "../../language/language.tsx";
import { RunbookText } from "../../runbook/runbook-text.tsx";
import { causesTexts, deadLettersTexts } from "./dead-letters-texts.ts";

/** What a code means and what to do, with the section of the runbook for the details. */
export function Cause({ code }: { code: string }) {
  const texts = useTexts(deadLettersTexts);
  const causes = useTexts(causesTexts);
  const cause = causes[code];
  const { data: section } = useQuery({
    queryKey: ["runbook", code],
    // A file of its own: other pages need no runbook.
    queryFn: async () => (await import("virtual:runbook")).default[code] ?? null,
    staleTime: Number.POSITIVE_INFINITY,
  });
  return (
    <section className="panel stack tight" aria-labelledby="cause">
      <h2 id="cause">
        <code>{code}</code>
      </h2>
      {cause ? (
        <dl className="facts">
          <dt>{texts.means}</dt>
          <dd>{cause.means}</dd>
          <dt>{texts.fix}</dt>
          <dd>{cause.fix}</dd>
        </dl>
      ) : (
        <p>{texts.unknownCode}</p>
      )}
      {section && (
        <details open={!cause}>
          <summary>{texts.runbook}</summary>
          {/* The runbook is written in English. */}
          <dl className="facts" lang="en">
            <dt>Means</dt>
            <dd>
              <RunbookText text={section.means} />
            </dd>
            {section.check && <dt>Check</dt>}
            {section.check && (
              <dd>
                <RunbookText text={section.check} />
              </dd>
            )}
            {section.fix && <dt>Fix</dt>}
            {section.fix && (
              <dd>
                <RunbookText text={section.fix} />
              </dd>
            )}
          </dl>
        </details>
      )}
    </section>
  );
}
