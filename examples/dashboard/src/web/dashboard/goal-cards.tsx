import { type ReactNode, useId } from "react";
import type { Goals } from "../../server/get-goals.ts";
import { useLanguage } from "../language/language.tsx";
import { countDaysLeft } from "./days-left.ts";

const names = ["revenue", "leads", "procedures", "posts", "stories"] as const;

export function GoalCards({ goals, today }: { goals: Goals; today: Date }): ReactNode {
  const { text, language } = useLanguage();
  const titleId = useId();
  const days = countDaysLeft(today);
  const write = (name: (typeof names)[number], amount: number, maximumFractionDigits: number) =>
    new Intl.NumberFormat(language, {
      ...(name === "revenue" && { style: "currency", currency: "BRL" }),
      maximumFractionDigits,
    }).format(amount);
  return (
    <section aria-labelledby={titleId}>
      <div className="section-head">
        <h2 id={titleId}>{text("goalsTitle")}</h2>
        <p className="soft">{text("daysLeft", { days })}</p>
      </div>
      <dl className="goals">
        {names.map((name) => (
          <div key={name} className="goal" data-goal={name}>
            <dt>{text(name)}</dt>
            <dd className="amount">{write(name, goals[name], 0)}</dd>
            <dd className="soft">
              {text("perDay", { amount: write(name, goals[name] / days, name === "revenue" ? 0 : 1) })}
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
