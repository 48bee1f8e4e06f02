import type { JobView, UserReport } from "@rollcall/contracts";

/** The report as text for a terminal: the sentence first, then what it rests on. No email and no name. */
export function printReport(report: UserReport): string {
  const { user, mentorado, clerk, jobs, deadLetters, conflicts, timeline } = report;
  const sections = [
    `${report.clerkId}\n${report.why}`,
    list("Here", [
      ["Clerk", clerk],
      [
        "row",
        user
          ? `users ${user.id}, ${user.role}${user.deletedAt ? `, deleted ${user.deletedAt}` : ""}`
          : "none",
      ],
      ["profile", mentorado ? `mentorados ${mentorado.id}, ativo ${mentorado.ativo}` : "none"],
    ]),
    list("Jobs", jobs.map(describeJob)),
    list(
      "Dead letters",
      deadLetters.map((letter) => [letter.id, describeJob(letter).join(" ")]),
    ),
    list(
      "Conflicts",
      conflicts.map((found) => [
        `${found.id} ${found.state}`,
        `${found.reason}, candidates ${found.candidateIds.join(", ")}`,
      ]),
    ),
    list(
      "Timeline",
      timeline.map((event) => [
        event.at,
        `${event.kind} by ${event.cause}${event.ref ? ` ${event.ref}` : ""}`,
      ]),
    ),
  ];
  return `${sections.filter((section) => section !== "").join("\n\n")}\n`;
}

function describeJob(job: JobView): [string, string] {
  return [
    `${job.queue} ${job.kind}`,
    `${job.state}, attempts ${job.attempts}${job.code ? `, ${job.code}` : ""}`,
  ];
}

function list(title: string, rows: readonly (readonly [string, string])[]): string {
  if (rows.length === 0) return "";
  const width = Math.max(...rows.map(([label]) => label.length));
  return [title, ...rows.map(([label, text]) => `  ${label.padEnd(width)}  ${text}`)].join("\n");
}
