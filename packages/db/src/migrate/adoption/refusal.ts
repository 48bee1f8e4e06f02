/** The database cannot be migrated as it is. The message lists every problem, with ids and never with people's data. */
export class MigrationRefusal extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(
      [
        "The database does not fit, and nothing was changed:",
        ...problems.map((problem) => `  ${problem}`),
      ].join("\n"),
    );
    this.name = "MigrationRefusal";
    this.problems = problems;
  }
}
