import type { JobView, UserMemberships, UserReport } from "@rollcall/contracts";
import { formatTable } from "../../print.ts";

/** The report as lines of a terminal: the sentence, then the facts behind it. It holds no email and no name. */
export function describeReport(report: UserReport, { hasProfiles }: { hasProfiles: boolean }): string[] {
  const { user, mentorado, clerk, conflicts, timeline, memberships } = report;
  const deleted = user?.deletedAt ? `, deleted ${user.deletedAt}` : "";
  return [
    report.clerkId,
    report.why,
    ...section("Here", [
      ["Clerk", clerk],
      ["row", user ? `${user.id}, ${user.role}${deleted}` : "none"],
      ...(hasProfiles ? [["profile", mentorado ? describeProfile(mentorado) : "none"] as const] : []),
    ]),
    ...(memberships ? describeMemberships(memberships) : []),
    ...describeWork(report),
    ...section(
      "Conflicts",
      conflicts.map(({ id, state, reason, candidateIds }) => [
        `${id} ${state}`,
        `${reason}, candidates ${candidateIds.join(", ")}`,
      ]),
    ),
    ...section(
      "Timeline",
      timeline.map(({ at, kind, cause, ref }) => [at, `${kind} by ${cause}${ref ? ` ${ref}` : ""}`]),
    ),
  ];
}

function describeMemberships({ items, more }: UserMemberships): string[] {
  return [
    ...section(
      "Memberships",
      items.map(({ clerkOrgId, role, hasRow, held }) => [
        clerkOrgId,
        [role ?? "", ...(hasRow ? [] : ["no row"]), ...(held ? ["held"] : [])].filter(Boolean).join(", "),
      ]),
    ),
    ...(more ? [`These are ${items.length}; there are more.`] : []),
  ];
}

/** The jobs and the dead letters of a report. */
export function describeWork({ jobs, deadLetters }: Pick<UserReport, "jobs" | "deadLetters">): string[] {
  return [
    ...section(
      "Jobs",
      jobs.map((job) => [nameJob(job), describeState(job)]),
    ),
    ...section(
      "Dead letters",
      deadLetters.map((letter) => [letter.id, `${nameJob(letter)} ${describeState(letter)}`]),
    ),
  ];
}

export function section(title: string, rows: readonly (readonly [string, string])[]): string[] {
  return rows.length === 0 ? [] : ["", title, ...formatTable(rows)];
}

function nameJob({ queue, kind }: JobView): string {
  return `${queue} ${kind}`;
}

function describeState({ state, attempts, code }: JobView): string {
  return `${state}, attempts ${attempts}${code ? `, ${code}` : ""}`;
}

/** A profile of another table has no state that Rollcall knows. */
function describeProfile(profile: NonNullable<UserReport["mentorado"]>): string {
  return "ativo" in profile ? `${profile.id}, ativo ${profile.ativo}` : String(profile.id);
}
