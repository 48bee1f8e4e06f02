import type { Problem } from "@rollcall/contracts";
import { Link } from "@tanstack/react-router";
import { useFormats } from "../../language/formats.ts";
import { useTexts } from "../../language/language.tsx";
import { overviewTexts } from "./overview-texts.ts";

/** @param page a path below `/admin`, perhaps with filters behind a question mark */
function PageLink({ page }: { page: string }) {
  const texts = useTexts(overviewTexts);
  const [path = "", filters = ""] = page.split("?");
  return (
    <Link to={path} search={Object.fromEntries(new URLSearchParams(filters))} className="button">
      {texts.open[path] ?? texts.openRun}
    </Link>
  );
}

/** The problems that need an operator, the most urgent first, each with what helps. Without any the section is absent. */
export function Attention({ problems }: { problems: readonly Problem[] }) {
  const texts = useTexts(overviewTexts);
  const formats = useFormats();
  if (problems.length === 0) return null;
  return (
    <section className="attention stack tight" aria-label={texts.attention}>
      <h2>{texts.attention}</h2>
      <ul>
        {problems.map(({ code, count, params, helps }) => (
          <li key={`${code} ${params["runId"] ?? ""}`}>
            <span>{texts.problems[code](count === null ? "" : formats.number(count), params)}</span>{" "}
            {helps.page !== null ? (
              <PageLink page={helps.page} />
            ) : (
              helps.command !== null && (
                <span className="small">
                  {texts.run} <code>{helps.command}</code>
                </span>
              )
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}
