import type { Problem } from "@rollcall/contracts";

/** A line for each firing alert. Another line says what an alert of its name means already, with a link to act. */
export function splitAlerts(problems: readonly Problem[]): readonly Problem[] {
  const said = new Set<string>(problems.map(({ code }) => code));
  return problems.flatMap((problem) =>
    problem.code === "alerts_firing"
      ? [problem.params["names"] ?? []]
          .flat()
          .map(String)
          .filter((name) => !said.has(name))
          .map((name) => ({ ...problem, params: { names: name } }))
      : [problem],
  );
}
