/** What a release depends on. `read-state.ts` reads it. */
export type ReleaseState = {
  /** The version to release. */
  version: string;
  /** The root's package.json, which has the addresses for every published package. */
  manifest: { version: string; repository?: unknown; homepage?: unknown; bugs?: unknown };
  changelog: string;
  branch: string;
  /** Lines of `git status --porcelain`. */
  changes: readonly string[];
  tags: readonly string[];
};

/** Each says what is wrong and what to do. Empty: the version can be released. */
export function findRefusals(state: ReleaseState): string[] {
  const { version, manifest, branch, changes, tags } = state;
  return [
    ...refuseVersion(version, manifest.version),
    ...(tags.includes(`v${version}`) ? [`The tag v${version} exists. Choose the next version.`] : []),
    ...(branch === "main" ? [] : [`The branch is ${branch || "none"}. Releases come from main.`]),
    ...(changes.length === 0
      ? []
      : [`The working tree has changes. Commit or stash:\n${changes.join("\n")}`]),
    ...refuseChangelog(state),
    ...findMissingAddresses(manifest),
  ];
}

/** What a published package must name and only an owner of the repository knows. */
export function findMissingAddresses(manifest: ReleaseState["manifest"]): string[] {
  const examples = {
    repository: '{ "type": "git", "url": "git+https://github.com/<owner>/<name>.git" }',
    homepage: '"https://github.com/<owner>/<name>#readme"',
    bugs: '"https://github.com/<owner>/<name>/issues"',
  } as const;
  const missing = (["repository", "homepage", "bugs"] as const).filter((name) => !manifest[name]);
  return missing.map((name) => `package.json lacks "${name}". Set it, like ${examples[name]}, and commit.`);
}

const semver = /^(\d+)\.(\d+)\.(\d+)(-[0-9A-Za-z.-]+)?$/;

function refuseVersion(wanted: string, current: string): string[] {
  if (!semver.test(wanted)) return [`${wanted} is no version like 1.2.3.`];
  // The current one is allowed, because the first release has the version that is there already.
  return isOlder(wanted, current) ? [`${wanted} is older than ${current}.`] : [];
}

function isOlder(wanted: string, current: string): boolean {
  const parts = (version: string) => (semver.exec(version) ?? []).slice(1, 4).map(Number);
  const [a, b] = [parts(wanted), parts(current)];
  const different = a.findIndex((part, index) => part !== b[index]);
  if (different >= 0) return (a[different] ?? 0) < (b[different] ?? 0);
  // 1.2.3-rc.1 comes before 1.2.3. Between two of them, the tags decide.
  return wanted.includes("-") && !current.includes("-");
}

function refuseChangelog({ version, changelog }: ReleaseState): string[] {
  const refusals: string[] = [];
  if (findSection(changelog, version) !== undefined)
    refusals.push(`CHANGELOG.md has a section for ${version} already.`);
  if (!findSection(changelog, "Unreleased")?.includes("\n- "))
    refusals.push("CHANGELOG.md has no entry below ## Unreleased. Say there what changes for users.");
  return refusals;
}

/** The text below `## <name>`, up to the next section. */
export function findSection(changelog: string, name: string): string | undefined {
  const sections = changelog.split(/^## /m);
  return sections.find((section) => /^\S+/.exec(section)?.[0] === name);
}
