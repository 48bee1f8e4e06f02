import type { Problem } from "@rollcall/contracts";
import { Link } from "@tanstack/react-router";
import { useFormats } from "../../language/formats.ts";
import { useTexts } from "../../language/language.tsx";
import { useAlertSentences } from "../alerts/use-alert-sentences.ts";
import { overviewTexts } from "./overview-texts.ts";
import { splitAlerts } from "./split-alerts.ts";

/** @param page a path below `/admin`, perhaps with filters behind a question mark */
function PageLink({ page, isHeld }: { page: string; isHeld: boolean }) {
  const texts = useTexts(overviewTexts);
  const [path = "", filters = ""] = page.split("?");
  return (
    <Link to={path} search={Object.fromEntries(new URLSearchParams(filters))} className="button">
      {texts.open[path] ?? (isHeld ? texts.openHeld : texts.openRun)}
    </Link>
  );
}

/** The problems that need an operator, the most urgent first, each with what helps. Without any the section is absent. */
export function Attention({ problems }: { problems: readonly Problem[] }) {
  const texts = useTexts(overviewTexts);
  const formats = useFormats();
  const lines = splitAlerts(problems);
  if (lines.length === 0) return null;
  return (
    <section className="attention stack tight" aria-label={texts.attention}>
      <h2>{texts.attention}</h2>
      <ul>
        {lines.map(({ code, count, params, helps }) => (
          <li key={`${code} ${params["runId"] ?? params["names"] ?? ""}`}>
            <span>
              {code === "alerts_firing" ? (
                <FiringAlert name={String(params["names"])} />
              ) : (
                texts.problems[code](count === null ? "" : formats.number(count), params)
              )}{" "}
              {params["reason"] && <Reason text={String(params["reason"])} />}
            </span>{" "}
            {helps.page !== null ? (
              <PageLink page={helps.page} isHeld={code === "deletions_held"} />
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

function FiringAlert({ name }: { name: string }) {
  const texts = useTexts(overviewTexts);
  const sentence = useAlertSentences()(name);
  return sentence ? sentence.fires : texts.problems.alerts_firing("", { names: name });
}

/** The server's reason for a failure is English. */
function Reason({ text }: { text: string }) {
  return (
    <span lang="en" className="soft small">
      {text}
    </span>
  );
}
