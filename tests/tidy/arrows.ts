import type { Import, Source } from "./source.ts";
import { isTest, ownerOf, type Package, resolveImport } from "./tree.ts";

/** What each package may import of ours. Siblings are not in each other's lists: that is the point. */
const arrows: Readonly<Record<string, readonly string[]>> = {
  "@rollcall/contracts": [],
  "@rollcall/db": ["@rollcall/contracts"],
  "@rollcall/jobs": ["@rollcall/contracts"],
  "@rollcall/clerk": ["@rollcall/contracts"],
  "@rollcall/sync": ["@rollcall/contracts", "@rollcall/db", "@rollcall/jobs", "@rollcall/clerk"],
  "@rollcall/client": ["@rollcall/contracts"],
  "@rollcall/sandbox": [],
  // An example is somebody else's app: what it needs of ours must be published.
  "@rollcall/example-dashboard": ["@rollcall/client"],
  // The names of the variables it hands to its children are contracts' to know; it starts the rest as processes.
  "@rollcall/standalone": ["@rollcall/contracts", "@rollcall/sandbox"],
  ...Object.fromEntries(
    ["@rollcall/api", "@rollcall/worker", "@rollcall/cli"].map((app) => [
      app,
      ["@rollcall/contracts", "@rollcall/db", "@rollcall/jobs", "@rollcall/clerk", "@rollcall/sync"],
    ]),
  ),
};

/** Packages whose arrows are for types alone: nothing of ours may be in what they ship. */
const typesOnly = ["@rollcall/client"];

/** What tests may import beside that. No circle can come of it: sandbox itself imports nothing of ours. */
const testsMayImport = ["@rollcall/sandbox"];

/** Dependencies in a package.json that go against the arrows. */
export function findForbiddenDependencies(packages: readonly Package[]): string[] {
  return packages.flatMap(judgeManifest);
}

/** Imports that go against the arrows, or that the package.json of their package does not declare. */
export function findForbiddenImports(sources: readonly Source[], packages: readonly Package[]): string[] {
  return sources.flatMap((source) => judgeImports(source, packages));
}

function judgeManifest(pack: Package): string[] {
  if (pack.folder === ".") return [];
  const allowed = arrows[pack.name];
  if (!allowed) return [`${pack.folder}: ${pack.name} has no arrows; give it a line in tests/tidy/arrows.ts`];
  const refuse = (names: readonly string[], permitted: readonly string[]) =>
    names
      .filter((name) => isOurs(name) && !permitted.includes(name))
      .map((name) => `${pack.folder}/package.json: ${pack.name} must not depend on ${name}`);
  return [
    ...refuse([...pack.dependencies, ...pack.optionalDependencies], allowed),
    ...refuse(pack.devDependencies, [...allowed, ...testsMayImport]),
  ];
}

function judgeImports(source: Source, packages: readonly Package[]): string[] {
  const pack = packages.find(({ folder }) => folder === ownerOf(source.path));
  if (!pack) return [`${source.path}: belongs to no package`];
  return source.imports.flatMap((item) => {
    const fault = judgeImport(source.path, item, pack);
    return fault ? [`${source.path}:${item.line}: ${fault}`] : [];
  });
}

function judgeImport(path: string, { specifier, typeOnly }: Import, pack: Package): string | undefined {
  if (specifier.startsWith(".")) {
    const target = resolveImport(path, specifier);
    return ownerOf(target) === pack.folder ? undefined : `reaches into ${ownerOf(target)} by its path`;
  }
  if (!isOurs(specifier)) return undefined;
  const name = specifier.split("/").slice(0, 2).join("/");
  const test = isTest(path);

  if (pack.folder !== ".") {
    const allowed = [...(arrows[pack.name] ?? []), ...(test ? testsMayImport : [])];
    if (!allowed.includes(name)) return `${pack.name} must not import ${name}`;
    if (typesOnly.includes(pack.name) && !test && !typeOnly)
      return `${pack.name} may import only types of ${name}`;
  }
  const declared = [...pack.dependencies, ...(test ? pack.devDependencies : [])];
  return declared.includes(name) ? undefined : `${name} is not declared in the package.json of ${pack.name}`;
}

function isOurs(specifier: string): boolean {
  return specifier.startsWith("@rollcall/");
}
